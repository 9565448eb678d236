import { ErrorResponse, UserManager, WebStorageStateStore, type User } from 'oidc-client-ts'

import type { SignIn } from './config'
import type { Credentials } from './factories'
import { parseRecord } from './factory'
import { ProblemError } from './problem'

/** The group of users who may change the tree. */
const EDITORS = 'editors'
/** A token is renewed so long before its end, or after four fifths of its life where that is short. */
const AHEAD_MS = 60_000
/** A token that ends within this time is not sent any more. */
const LEAST_MS = 5_000
/** After a renewal that got no answer, and up to as long again. */
const AGAIN_MS = 10_000
/** All tabs of a browser renew one after the other: a refresh token is good for one renewal. */
const LOCK = 'factory-tree session'

/** Who is signed in. */
export interface Account {
  readonly name: string
  /** Whether the API is going to take this person's writes, as far as this page knows. */
  readonly isEditor: boolean
}

/**
 * A session at an identity provider, by the code flow with PKCE. The tabs of a browser share it, and whichever is first
 * renews it ahead of its end.
 *
 * In: the provider. Out: who is signed in, and tokens for the API. Never: a token in an address or a log.
 */
export class IdentitySession implements Credentials {
  private readonly manager: UserManager
  private user: User | null = null
  /** The API has refused this person's writes. */
  private isRefused = false
  private renewal: Promise<User | null> | undefined
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly settings: SignIn,
    private readonly onAccount: (account: Account | undefined, reason: string) => void,
  ) {
    const { issuer, client, pages } = settings
    const home = new URL('/', location.href).href
    this.manager = new UserManager({
      authority: issuer,
      client_id: client,
      redirect_uri: home,
      scope: 'openid email',
      // Told, not asked for: the page may talk to the provider's pages only, and Cognito's own list lacks the sign-out.
      metadata: {
        issuer,
        authorization_endpoint: `${pages}/oauth2/authorize`,
        token_endpoint: `${pages}/oauth2/token`,
      },
      automaticSilentRenew: false,
      userStore: new WebStorageStateStore({ prefix: 'factory-tree ', store: localStorage }),
      stateStore: new WebStorageStateStore({ prefix: 'factory-tree ', store: sessionStorage }),
    })
  }

  async open(): Promise<void> {
    const reason = await this.finishSignIn()
    await this.lookUp(reason)
    window.addEventListener('storage', ({ key }) => {
      // Another tab has signed in or out, or renewed the session.
      if (key === null || key.startsWith('factory-tree user:')) {
        void this.lookUp()
      }
    })
    document.addEventListener('visibilitychange', () => void this.renewIfDue())
  }

  async signIn(): Promise<void> {
    await this.manager.signinRedirect({ state: location.hash }).catch(() => {
      this.tell('The sign-in cannot be reached. Check the connection and try again.')
    })
  }

  async signOut(): Promise<void> {
    const { client, pages } = this.settings
    const token = this.user?.refresh_token
    await this.manager.removeUser()
    this.take(null)
    if (token) {
      // Whoever has got hold of it can do nothing with it any more. Goes on while the page is left.
      const body = new URLSearchParams({ token, client_id: client })
      void fetch(`${pages}/oauth2/revoke`, { method: 'POST', body, keepalive: true }).catch(
        () => {},
      )
    }
    const home = new URL('/', location.href).href
    const query = new URLSearchParams({ client_id: client, logout_uri: home })
    location.assign(`${pages}/logout?${query}`)
  }

  async token(): Promise<string | undefined> {
    const isOld = this.user && lifetimeOf(this.user) < LEAST_MS
    const user = isOld ? await this.renewNow() : this.user
    return user?.access_token
  }

  async renew(refused: string): Promise<string | undefined> {
    const token = (await this.renewNow())?.access_token
    return token === refused ? undefined : token
  }

  onRefused(status: number): void {
    if (status === 401 && this.user) {
      void this.end('You were signed out.')
    } else if (status === 403) {
      this.isRefused = true
      this.tell()
    }
  }

  /** Takes what the provider's pages have added to the address, and cleans it; returns what went wrong. */
  private async finishSignIn(): Promise<string> {
    const { href, search } = location
    const query = new URLSearchParams(search)
    if (!query.has('state') || !(query.has('code') || query.has('error'))) {
      return ''
    }
    history.replaceState(null, '', '/')
    try {
      const { state } = await this.manager.signinRedirectCallback(href)
      if (typeof state === 'string' && state !== '') {
        history.replaceState(null, '', `/${state}`)
        window.dispatchEvent(new HashChangeEvent('hashchange'))
      }
      return ''
    } catch {
      return 'The sign-in did not work. Try again.'
    }
  }

  /** Takes the session as this browser has it. */
  private async lookUp(reason = ''): Promise<void> {
    this.take(await this.manager.getUser(), reason)
    await this.renewIfDue()
  }

  private take(user: User | null, reason = ''): void {
    if (user?.access_token !== this.user?.access_token) {
      this.isRefused = false
    }
    this.user = user
    this.tell(reason)
    if (user) {
      this.lookAgainIn(dueIn(user))
    } else {
      clearTimeout(this.timer)
    }
  }

  private lookAgainIn(delayMs: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.renewIfDue(), Math.max(0, delayMs))
  }

  private tell(reason = ''): void {
    const isThere = this.user !== null
    this.onAccount(isThere ? accountOf(this.user as User, this.isRefused) : undefined, reason)
  }

  private async renewIfDue(): Promise<void> {
    if (!this.user) {
      return
    }
    if (dueIn(this.user) > 0) {
      // The clock was set back, or the timer was early.
      this.lookAgainIn(dueIn(this.user))
      return
    }
    await this.renewNow().catch(() => this.lookAgainIn(AGAIN_MS * (1 + Math.random())))
  }

  private renewNow(): Promise<User | null> {
    this.renewal ??= withLock(() => this.renewOnce()).finally(() => (this.renewal = undefined))
    return this.renewal
  }

  private async renewOnce(): Promise<User | null> {
    const before = this.user?.access_token
    const kept = await this.manager.getUser()
    if (kept && kept.access_token !== before && dueIn(kept) > 0) {
      // Another tab was first.
      this.take(kept)
      return kept
    }
    try {
      const user = kept && (await this.manager.signinSilent())
      this.take(user)
      return user
    } catch (error) {
      if (error instanceof ErrorResponse) {
        await this.end('Your sign-in has ended.')
        return null
      }
      // Nothing was sent: no status, and nothing that may have taken effect.
      throw new ProblemError(
        0,
        'The sign-in could not be renewed. Check the connection and try again.',
        'not-renewed',
      )
    }
  }

  private async end(reason: string): Promise<void> {
    await this.manager.removeUser()
    this.take(null, reason)
  }
}

function accountOf({ access_token, profile }: User, isRefused: boolean): Account {
  const claims = claimsOf(access_token)
  const groups = claims['cognito:groups']
  const isEditor = Array.isArray(groups) && groups.includes(EDITORS)
  const name = profile['cognito:username'] ?? claims['username'] ?? profile.email
  return { name: String(name ?? ''), isEditor: isEditor && !isRefused }
}

/** Reads what a token says, unchecked: it decides what this page offers, and the API decides what it takes. */
function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = token.split('.')[1] ?? ''
    const bytes = atob(payload.replace(/-/g, '+').replace(/_/g, '/'))
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0)))
    return parseRecord(JSON.parse(text))
  } catch {
    return {}
  }
}

/** How long a token is good, in milliseconds. */
function lifetimeOf({ expires_at }: User): number {
  return (expires_at ?? 0) * 1_000 - Date.now()
}

/** How long until a token is to be renewed, in milliseconds. */
function dueIn(user: User): number {
  const { exp, iat } = claimsOf(user.access_token)
  const whole = (Number(exp) - Number(iat)) * 1_000
  return lifetimeOf(user) - Math.min(AHEAD_MS, (Number.isFinite(whole) ? whole : 0) / 5)
}

/** Browsers hide locks from pages on plain http: there a provider's grace for two renewals at once must do. */
function withLock<T>(act: () => Promise<T>): Promise<T> {
  const locks = navigator.locks as LockManager | null | undefined
  return locks ? locks.request(LOCK, act) : act()
}
