import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { IdentitySession, type Account } from '../identitySession'

const settings = { issuer: 'https://idp.test/pool', client: 'c1', pages: 'https://pages.test' }
const KEPT_AS = `factory-tree user:${settings.issuer}:c1`
const request = vi.fn<typeof fetch>()
let account: Account | undefined
let reason = ''
/** The addresses that the page was sent to. */
let left: URL[] = []

/** A token as a provider makes it; nobody checks its signature here. */
function tokenOf(claims: object): string {
  const part = (value: object) =>
    btoa(JSON.stringify(value)).replace(/=/g, '').replace(/\+/g, '-').replace(/\//g, '_')
  return `${part({ alg: 'RS256' })}.${part(claims)}.x`
}
/** An access token of an editor that is good for so many of its 300 seconds. */
function accessToken(leftS: number, name = 'ann'): string {
  const now = Math.floor(Date.now() / 1_000)
  const times = { iat: now + leftS - 300, exp: now + leftS }
  return tokenOf({ ...times, username: name, 'cognito:groups': ['editors'] })
}
/** Puts a session into the browser, as an earlier visit or another tab has left it. */
function keep(token: string, leftS: number): void {
  const user = {
    access_token: token,
    refresh_token: 'r1',
    token_type: 'Bearer',
    scope: 'openid email',
    profile: { sub: 's' },
    expires_at: Math.floor(Date.now() / 1_000) + leftS,
  }
  localStorage.setItem(KEPT_AS, JSON.stringify(user))
}
function answer(status: number, body: object): void {
  const headers = { 'Content-Type': 'application/json' }
  request.mockResolvedValueOnce(new Response(JSON.stringify(body), { status, headers }))
}
function grant(token: string, more: object = {}): void {
  answer(200, { access_token: token, token_type: 'Bearer', expires_in: 300, ...more })
}
/** Returns what the page sent to the provider by its last request. */
function sent(): URLSearchParams {
  return new URLSearchParams(String(request.mock.lastCall?.[1]?.body))
}
async function open(): Promise<IdentitySession> {
  const session = new IdentitySession(settings, (now, why) => {
    account = now
    reason = why
  })
  await session.open()
  return session
}

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
  history.replaceState(null, '', '/')
  request.mockReset()
  vi.stubGlobal('fetch', request)
  left = []
  vi.spyOn(location, 'assign').mockImplementation((url) => void left.push(new URL(url)))
})
afterEach(() => history.replaceState(null, '', '/'))

it('a token that is good for a while is sent as it is', async () => {
  const token = accessToken(200)
  keep(token, 200)
  const session = await open()
  expect(await session.token()).toBe(token)
  expect(account).toEqual({ name: 'ann', isEditor: true })
  expect(request).not.toHaveBeenCalled()
})

it('a session that is about to end is renewed before the page goes on', async () => {
  keep(accessToken(30), 30)
  const renewed = accessToken(300)
  grant(renewed)
  const session = await open()
  expect(request).toHaveBeenCalledOnce()
  expect(await session.token()).toBe(renewed)
  expect(String(request.mock.lastCall?.[0])).toBe('https://pages.test/oauth2/token')
  expect(sent().get('grant_type')).toBe('refresh_token')
  expect(sent().get('refresh_token')).toBe('r1')
})

it('a session is renewed ahead of its end while the page is open', async () => {
  vi.useFakeTimers()
  try {
    keep(accessToken(300), 300)
    const session = await open()
    const renewed = accessToken(600, 'ann later')
    grant(renewed)
    await vi.advanceTimersByTimeAsync(230_000)
    expect(request).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(15_000)
    expect(request).toHaveBeenCalledOnce()
    expect(await session.token()).toBe(renewed)
  } finally {
    vi.useRealTimers()
  }
})

it('a clock that is set back does not end the renewals', async () => {
  vi.useFakeTimers()
  try {
    keep(accessToken(300), 300)
    await open()
    vi.setSystemTime(Date.now() - 100_000)
    await vi.advanceTimersByTimeAsync(245_000)
    expect(request).not.toHaveBeenCalled()
    grant(accessToken(300))
    await vi.advanceTimersByTimeAsync(100_000)
    expect(request).toHaveBeenCalledOnce()
  } finally {
    vi.useRealTimers()
  }
})

it('a token that the API refused is renewed; one that comes back the same is no other', async () => {
  const token = accessToken(200)
  keep(token, 200)
  const session = await open()
  const renewed = accessToken(300)
  grant(renewed)
  expect(await session.renew(token)).toBe(renewed)
  grant(renewed)
  expect(await session.renew(renewed)).toBeUndefined()
})

it('all writes that are refused at once wait for one renewal: a refresh token is good for no second one', async () => {
  const token = accessToken(200)
  keep(token, 200)
  const session = await open()
  const renewed = accessToken(300)
  grant(renewed)
  const tokens = await Promise.all([session.renew(token), session.renew(token)])
  expect(tokens).toEqual([renewed, renewed])
  expect(request).toHaveBeenCalledOnce()
})

it('a token that another tab has renewed is taken instead of asking for one more', async () => {
  const token = accessToken(200)
  keep(token, 200)
  const session = await open()
  const theirs = accessToken(290)
  keep(theirs, 290)
  expect(await session.renew(token)).toBe(theirs)
  expect(request).not.toHaveBeenCalled()
})

it('another tab signs this one in and out', async () => {
  await open()
  expect(account).toBeUndefined()
  keep(accessToken(200, 'ben'), 200)
  window.dispatchEvent(new StorageEvent('storage', { key: KEPT_AS }))
  await vi.waitFor(() => expect(account?.name).toBe('ben'))
  localStorage.removeItem(KEPT_AS)
  window.dispatchEvent(new StorageEvent('storage', { key: KEPT_AS }))
  await vi.waitFor(() => expect(account).toBeUndefined())
})

it('a write that is refused for want of a good token ends the session, and says so', async () => {
  keep(accessToken(200), 200)
  const session = await open()
  session.onRefused(401)
  await vi.waitFor(() => expect(account).toBeUndefined())
  expect(reason).toBe('You were signed out.')
  expect(localStorage.getItem(KEPT_AS)).toBeNull()
})

it('a person whose write is refused is no editor until there is another token', async () => {
  const token = accessToken(200)
  keep(token, 200)
  const session = await open()
  session.onRefused(403)
  expect(account).toEqual({ name: 'ann', isEditor: false })
  grant(accessToken(300))
  await session.renew(token)
  expect(account?.isEditor).toBe(true)
})

it('signing out leaves no token here or there, and goes to the page that ends the session', async () => {
  keep(accessToken(200), 200)
  const session = await open()
  request.mockRejectedValueOnce(new TypeError('no network'))
  await session.signOut()
  expect(account).toBeUndefined()
  expect(localStorage.getItem(KEPT_AS)).toBeNull()
  expect(String(request.mock.lastCall?.[0])).toBe('https://pages.test/oauth2/revoke')
  expect(sent().get('token')).toBe('r1')
  const [logout] = left
  expect(logout?.href.split('?')[0]).toBe('https://pages.test/logout')
  expect(logout?.searchParams.get('logout_uri')).toBe(new URL('/', location.href).href)
  // Neither token may stand in an address.
  expect(logout?.href).not.toContain('r1')
})

it('a sign-in leads back to the factory that it began at, and takes its code out of the address', async () => {
  history.replaceState(null, '', '/#mill')
  // It ends when the browser has left the page, which it does not do here.
  void (await open()).signIn()
  await vi.waitFor(() => expect(left).toHaveLength(1))
  const query = left[0]?.searchParams
  expect(left[0]?.href.split('?')[0]).toBe('https://pages.test/oauth2/authorize')
  expect(query?.get('code_challenge_method')).toBe('S256')

  const hashes: string[] = []
  const note = () => hashes.push(location.hash)
  window.addEventListener('hashchange', note)
  history.replaceState(null, '', `/?code=k1&state=${query?.get('state')}`)
  const now = Math.floor(Date.now() / 1_000)
  const claims = { iss: settings.issuer, aud: 'c1', sub: 's', iat: now, exp: now + 300 }
  const id = tokenOf({ ...claims, 'cognito:username': 'ann' })
  grant(accessToken(300), { id_token: id, refresh_token: 'r1', scope: 'openid email' })
  await open()
  window.removeEventListener('hashchange', note)
  expect(reason).toBe('')
  expect(account).toEqual({ name: 'ann', isEditor: true })
  expect(sent().get('code')).toBe('k1')
  expect(location.search).toBe('')
  expect(location.hash).toBe('#mill')
  // The stand-in for a browser tells of the earlier addresses, too.
  expect(hashes).toContain('#mill')
})

it('a sign-in that did not work says so, and leaves nothing in the address', async () => {
  history.replaceState(null, '', '/?error=access_denied&state=unknown')
  await open()
  expect(account).toBeUndefined()
  expect(reason).toBe('The sign-in did not work. Try again.')
  expect(location.search).toBe('')
})

it('a token that cannot be read makes nobody an editor', async () => {
  keep('opaque', 200)
  await open()
  expect(account).toEqual({ name: '', isEditor: false })
})
