import { shallowReadonly, shallowRef, type Ref } from 'vue'

import type { SignIn } from '@/api/config'
import type { Credentials } from '@/api/factories'
import { IdentitySession, type Account } from '@/api/identitySession'

/** Who is signed in at this page, and the ways in and out. */
export interface Session {
  /** Nobody, where it is undefined. */
  readonly account: Readonly<Ref<Account | undefined>>
  /** Why nobody is signed in, where there is more to say than that nobody is. */
  readonly reason: Readonly<Ref<string>>
  readonly credentials: Credentials
  signIn(): void
  signOut(): void
}

/** Takes up the session that was kept, or that a sign-in has just begun. */
export async function openSession(
  settings: SignIn,
  onAccount: (account: Account | undefined) => void,
): Promise<Session> {
  const account = shallowRef<Account>()
  const reason = shallowRef('')
  const session = new IdentitySession(settings, (now, why) => {
    account.value = now
    reason.value = why
    onAccount(now)
  })
  await session.open()
  return {
    account: shallowReadonly(account),
    reason: shallowReadonly(reason),
    credentials: session,
    signIn: () => void session.signIn(),
    signOut: () => void session.signOut(),
  }
}
