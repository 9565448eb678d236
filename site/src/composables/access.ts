import { readonly, shallowRef, type Ref } from 'vue'

/** Whether the person at this page may change the tree. */
export interface Access {
  readonly mayWrite: Readonly<Ref<boolean>>
  readonly isSignedIn: Readonly<Ref<boolean>>
  /** Leaves for the pages on which people sign in; they lead back here. */
  readonly signIn: () => void
}

/** What somebody is told who is not signed in. */
export const VISITOR = 'You can look at everything. To change something, sign in.'

/** Where a stage has no sign-in, everybody may. */
export const OPEN_TO_ALL: Access = {
  mayWrite: readonly(shallowRef(true)),
  isSignedIn: readonly(shallowRef(false)),
  signIn: () => undefined,
}
