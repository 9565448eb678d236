import { expect, it, vi } from 'vitest'

import { loadConfig } from '../config'
import { APPSYNC, SERVERS } from './fakeSocket'

function stubAnswer(body: string, status = 200): void {
  vi.stubGlobal('fetch', async () => new Response(body, { status }))
}

it('a config names build, API and socket', async () => {
  stubAnswer('{"build":"b1","api":"https://api.test/","socket":"wss://ws.test","later":1}')
  expect(await loadConfig()).toEqual({
    build: 'b1',
    api: 'https://api.test',
    socket: 'wss://ws.test',
    live: { kind: 'servers' },
    reads: 'https://api.test',
  })
})

it('a config may name an Event API, and a cache for lists', async () => {
  stubAnswer(JSON.stringify({ ...APPSYNC, reads: 'https://site.test/api/' }))
  expect(await loadConfig()).toEqual(APPSYNC)
})

it('a config may name an identity provider', async () => {
  const signIn = { issuer: 'https://idp.test/pool', client: 'c1', pages: 'https://pages.test' }
  stubAnswer(JSON.stringify({ ...SERVERS, signIn }))
  expect((await loadConfig()).signIn).toEqual(signIn)
})

it.each([
  ['<!doctype html>', 200, 'does not hold a JSON object'],
  ['[]', 200, 'no text under "build"'],
  ['{"build":"b1"}', 200, 'no text under "api"'],
  ['{"build":"b1","api":"api.test","socket":"wss://x"}', 200, 'no http:// or https:// address'],
  ['{"build":"b1","api":"https://x","socket":"https://x"}', 200, 'no ws:// or wss:// address'],
  [JSON.stringify({ ...APPSYNC, live: { kind: 'mqtt' } }), 200, 'of a kind that this page lacks'],
  [JSON.stringify({ ...APPSYNC, live: { kind: 'appsync', host: 'x' } }), 200, 'under "key"'],
  [JSON.stringify({ ...APPSYNC, reads: '/api' }), 200, 'address under "reads"'],
  [JSON.stringify({ ...SERVERS, signIn: { issuer: 'https://x' } }), 200, 'under "client"'],
  ['not found', 404, 'answered with status 404'],
])('a broken config %s (%i) is told: %s', async (body, status, message) => {
  stubAnswer(body, status)
  await expect(loadConfig()).rejects.toThrow(message)
})

it('a config that cannot be fetched is told', async () => {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch')
  })
  await expect(loadConfig()).rejects.toThrow('could not be fetched')
})
