import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { shallowRef } from 'vue'

import { factoryOf, FakeSocket, SERVERS } from '@/api/__tests__/fakeSocket'
import { IdentitySession } from '@/api/identitySession'

import TreeView from '../TreeView.vue'

const signIn = { issuer: 'https://idp.test/pool', client: 'c1', pages: 'https://pages.test' }
/** Parts of the code are loaded on a busy machine. */
const PATIENCE = 15_000
let view: ReturnType<typeof mount>

/** A token as a provider makes it; nobody checks its signature here. */
function tokenOf(claims: object): string {
  const part = (value: object) => btoa(JSON.stringify(value)).replace(/=/g, '')
  return `${part({ alg: 'RS256' })}.${part(claims)}.x`
}
/** Puts a session into the browser, as an earlier visit has left it. */
function keepSession(groups: string[], leftS: number): void {
  const now = Math.floor(Date.now() / 1_000)
  const claims = { iat: now + leftS - 300, exp: now + leftS, username: 'ann', sub: 's' }
  const user = {
    access_token: tokenOf({ ...claims, 'cognito:groups': groups }),
    id_token: tokenOf(claims),
    refresh_token: 'r1',
    token_type: 'Bearer',
    scope: 'openid email',
    profile: { sub: 's', 'cognito:username': 'ann' },
    expires_at: now + leftS,
  }
  localStorage.setItem(`factory-tree user:${signIn.issuer}:c1`, JSON.stringify(user))
}
async function open(): Promise<void> {
  view = mount(TreeView, { props: { config: { ...SERVERS, signIn } }, attachTo: document.body })
  FakeSocket.newest.greet()
  FakeSocket.newest.saySnapshot([factoryOf({ name: 'Mill', changedBy: 'ben' })], 1)
  await vi.waitFor(() => expect(view.find('.account .button').exists()).toBe(true), PATIENCE)
  await vi.waitFor(() => expect(view.find('.tools').exists()).toBe(true), PATIENCE)
}

beforeEach(() => {
  FakeSocket.install()
  // Nobody answers, unless a test says so.
  vi.stubGlobal('fetch', () => new Promise(() => undefined))
  localStorage.clear()
  sessionStorage.clear()
})
afterEach(() => view.unmount())

it('a visitor has no way to write, and is told why', async () => {
  await open()
  expect(view.get('.access[role=status]').text()).toContain('You can look at everything.')
  expect(view.find('.new').exists()).toBe(false)
  expect(view.findAll('.tools button').map((one) => one.classes())).toEqual([
    ['button', 'quiet', 'link'],
  ])
  expect(view.get('.account').text()).toBe('Sign in')
})

it('an editor writes, and the row tells who changed it last', async () => {
  keepSession(['editors'], 200)
  await open()
  await vi.waitFor(() => expect(view.find('.new').exists()).toBe(true), PATIENCE)
  expect(view.find('.access').exists()).toBe(false)
  expect(view.get('.account').text()).toContain('ann')
  expect(view.get('.title').attributes('data-by')).toBe('ben')
})

it('who is no editor is told so by name', async () => {
  keepSession([], 200)
  await open()
  await vi.waitFor(
    () => expect(view.get('.access').text()).toContain('signed in as “ann”'),
    PATIENCE,
  )
})

it('a session whose renewal is refused ends, and says so', async () => {
  keepSession(['editors'], 10)
  vi.stubGlobal('fetch', async () =>
    Promise.resolve(
      new Response('{"error":"invalid_grant"}', {
        status: 400,
        headers: { 'Content-Type': 'application/json' },
      }),
    ),
  )
  await open()
  await vi.waitFor(
    () => expect(view.get('.access').text()).toContain('Your sign-in has ended.'),
    PATIENCE,
  )
  expect(localStorage.length).toBe(0)
})

it('a session that cannot be renewed for now goes on', async () => {
  keepSession(['editors'], 2)
  vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('no network')))
  const account = shallowRef<{ isEditor: boolean }>()
  const session = new IdentitySession(signIn, (now) => (account.value = now))
  await session.open()
  await expect(session.token()).rejects.toThrow('could not be renewed')
  expect(account.value?.isEditor).toBe(true)
  await open()
})
