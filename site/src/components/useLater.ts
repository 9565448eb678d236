import { shallowReadonly, shallowRef, type Ref } from 'vue'

import { loadPart } from '@/api/backoff'

type Later = typeof import('./later')

const later = shallowRef<Later>()
let loading: Promise<void> | undefined

/** Loads what is shown only after a person has done something. */
export function loadLater(): Promise<void> {
  loading ??= loadPart(() => import('./later')).then((loaded) => void (later.value = loaded))
  return loading
}

/** Returns the components of {@link loadLater}, once they are there. */
export function useLater(): Readonly<Ref<Later | undefined>> {
  return shallowReadonly(later)
}
