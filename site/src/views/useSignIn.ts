import { shallowRef, type ShallowRef } from 'vue'

import { loadPart } from '@/api/backoff'
import type { SignIn } from '@/api/config'
import type { FactoriesApi } from '@/api/factories'
import { OPEN_TO_ALL, type Access } from '@/composables/access'

/** All that a stage with sign-in needs and no other one loads. */
type Parts = Awaited<ReturnType<typeof loadParts>>

/** Who may change the tree. Where the stage has sign-in, the code for that is loaded, and the API's writes are signed. */
export function useSignIn(
  settings: SignIn | undefined,
  api: FactoriesApi,
): {
  access: Access
  parts: Readonly<ShallowRef<Parts | undefined>>
  /** Whether there is a sign-in, of which the parts are not there yet. */
  isComing: Readonly<ShallowRef<boolean>>
} {
  const parts = shallowRef<Parts>()
  const isComing = shallowRef(settings !== undefined)
  if (!settings) {
    return { access: OPEN_TO_ALL, parts, isComing }
  }

  // The page believes what an earlier visit has left until it has looked at it: so nothing jumps.
  const isExpected = hasSession(settings)
  const mayWrite = shallowRef(isExpected)
  const isSignedIn = shallowRef(isExpected)
  const loading = loadParts(settings, (account) => {
    mayWrite.value = account?.isEditor === true
    isSignedIn.value = account !== undefined
  })
  api.credentials = loading.then(({ session }) => session.credentials)
  void loading.then((loaded) => {
    parts.value = loaded
    isComing.value = false
  })
  return {
    access: { mayWrite, isSignedIn, signIn: () => void loading.then((it) => it.session.signIn()) },
    parts,
    isComing,
  }
}

async function loadParts(
  settings: SignIn,
  onAccount: (account: { isEditor: boolean } | undefined) => void,
) {
  const { AccessNotice, AccountControl, openSession } = await loadPart(() => import('./signIn'))
  return { AccessNotice, AccountControl, session: await openSession(settings, onAccount) }
}

/** Whether this browser keeps a session, or comes back from a sign-in. */
function hasSession({ issuer, client }: SignIn): boolean {
  try {
    return (
      location.search.includes('code=') ||
      localStorage.getItem(`factory-tree user:${issuer}:${client}`) !== null
    )
  } catch {
    return false
  }
}
