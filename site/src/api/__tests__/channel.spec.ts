import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { Channel, type Connection } from '../channel'
import type { SiteConfig } from '../config'
import { FactoriesApi, type FactoryPage } from '../factories'
import type { Factory } from '../factory'
import type { TreeMessage } from '../message'
import { POLL_MS, pollDelay } from '../polling'
import { ProblemError } from '../problem'
import { FactoryPages } from '../treeReader'
import { APPSYNC, factoryOf, FakeSocket, SERVERS, subscribe } from './fakeSocket'

let connections: Connection[]
let messages: TreeMessage[]
let channel: Channel
let hellos: number
const listFactories = vi.fn<FactoriesApi['listFactories']>()

function page(fields: Partial<FactoryPage> = {}): FactoryPage {
  return { factories: [factoryOf()], cursor: undefined, etag: '"1"', ...fields }
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.install()
  connections = []
  messages = []
  hellos = 0
  listFactories.mockReset()
  openChannel(SERVERS)
})
afterEach(() => {
  channel.close()
  vi.useRealTimers()
})

/** A snapshot of the table, or of a server. */
function snapshotOf(...factories: Factory[]): unknown {
  return { type: 'snapshot', factories, asOf: expect.any(Number) as number }
}
function openChannel(config: SiteConfig): void {
  const api = new FactoriesApi(config.api, config.reads)
  api.listFactories = listFactories
  channel = new Channel(
    config,
    api,
    {
      onMessage: (message) => messages.push(message),
      onConnection: (connection) => connections.push(connection),
      onHello: () => (hellos += 1),
    },
    () => 0,
  )
  channel.open()
}
function goLive(): void {
  FakeSocket.newest.greet()
  FakeSocket.newest.saySnapshot([factoryOf()], 1)
}

it('a page with a socket is live and reads nothing from the API', async () => {
  goLive()
  await vi.advanceTimersByTimeAsync(20_000)
  expect(connections).toEqual([{ state: 'live', isPolling: false }])
  expect(listFactories).not.toHaveBeenCalled()
})

it('a short break is not told', async () => {
  goLive()
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(900)
  goLive()
  expect(connections.map(({ state }) => state)).toEqual(['live', 'live'])
})

it('a longer break is told as reconnecting', async () => {
  goLive()
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(connections.at(-1)).toMatchObject({ state: 'reconnecting', isPolling: false })
})

it('a break without a network is told as offline', async () => {
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  goLive()
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(connections.at(-1)?.state).toBe('offline')
})

it('without a socket the tree is read from the API, which is said, and the socket is tried on', async () => {
  listFactories.mockResolvedValue(page())
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(3_000)
  expect(messages).toEqual([snapshotOf(factoryOf())])
  expect(connections.at(-1)).toMatchObject({ state: 'reconnecting', isPolling: true })
  expect(FakeSocket.opened.length).toBeGreaterThan(1)
  goLive()
  expect(connections.at(-1)).toEqual({ state: 'live', isPolling: false })
  const calls = listFactories.mock.calls.length
  await vi.advanceTimersByTimeAsync(POLL_MS * 3)
  expect(listFactories).toHaveBeenCalledTimes(calls)
})

it('a page whose first socket fails reads the tree at once', async () => {
  listFactories.mockResolvedValue(page())
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(1)
  expect(messages).toEqual([snapshotOf(factoryOf())])
})

it('a page whose first socket hangs has read the tree within a second', async () => {
  listFactories.mockResolvedValue(page())
  await vi.advanceTimersByTimeAsync(600)
  expect(messages).toEqual([snapshotOf(factoryOf())])
})

it('a page whose server says hello waits for its tree', async () => {
  FakeSocket.newest.greet()
  await vi.advanceTimersByTimeAsync(2_900)
  expect(listFactories).not.toHaveBeenCalled()
})

it('tells of every server that says hello', () => {
  FakeSocket.newest.greet()
  expect(hellos).toBe(1)
})

it('an unchanged tree is not told again', async () => {
  listFactories.mockResolvedValueOnce(page()).mockResolvedValue(undefined)
  await vi.advanceTimersByTimeAsync(3_000 + POLL_MS)
  expect(listFactories).toHaveBeenLastCalledWith(undefined, '"1"')
  expect(messages).toHaveLength(1)
})

it('a reading that the socket overtakes is dropped', async () => {
  let answer: (page: FactoryPage) => void = () => {}
  listFactories.mockReturnValue(new Promise((resolve) => (answer = resolve)))
  await vi.advanceTimersByTimeAsync(3_000)
  goLive()
  answer(page({ factories: [] }))
  await vi.advanceTimersByTimeAsync(1)
  expect(messages).toEqual([{ type: 'snapshot', factories: [factoryOf()] }])
  expect(connections.at(-1)?.state).toBe('live')
})

it('readings are spread by chance', () => {
  const delays = [0, 0.5, 1].map((chance) => pollDelay(0, undefined, () => chance))
  expect(delays).toEqual([0.75 * POLL_MS, POLL_MS, 1.25 * POLL_MS])
})

it('each failed reading doubles the wait, up to a minute', async () => {
  listFactories.mockRejectedValue(new ProblemError(503, 'busy', ''))
  await vi.advanceTimersByTimeAsync(600)
  await vi.advanceTimersByTimeAsync(5 * 60_000)
  // At 0.6, 8.1, 23.1, 53.1 (three quarters of a minute each from then on), 98.1, … s.
  expect(listFactories).toHaveBeenCalledTimes(9)
  listFactories.mockResolvedValue(page())
  await vi.advanceTimersByTimeAsync(45_000)
  listFactories.mockClear()
  await vi.advanceTimersByTimeAsync(4 * 0.75 * POLL_MS)
  expect(listFactories).toHaveBeenCalledTimes(4)
})

it('an API that says when to come again is not asked earlier', () => {
  const busy = new ProblemError(429, 'busy', '', undefined, undefined, 30)
  expect(pollDelay(1, busy, () => 0)).toBe(30_000)
  expect(pollDelay(1, busy, () => 1)).toBe(30_000 + POLL_MS)
})

it('pages that lose a server at the same moment do not read at the same moment', async () => {
  listFactories.mockResolvedValue(page())
  const late = new Channel(
    SERVERS,
    Object.assign(new FactoriesApi(SERVERS.api), { listFactories }),
    { onMessage: () => {}, onConnection: () => {}, onHello: () => {} },
    () => 0.9,
  )
  channel.close()
  late.open()
  goLive()
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(5_600)
  expect(listFactories).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(200)
  expect(listFactories).toHaveBeenCalledTimes(1)
  late.close()
})

it('a hidden page leaves the API alone', async () => {
  listFactories.mockResolvedValue(page())
  await vi.advanceTimersByTimeAsync(3_000)
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
  await vi.advanceTimersByTimeAsync(POLL_MS * 3)
  expect(listFactories).toHaveBeenCalledTimes(1)
})

it('the network coming back ends the wait', async () => {
  FakeSocket.newest.break()
  const opened = FakeSocket.opened.length
  window.dispatchEvent(new Event('online'))
  expect(FakeSocket.opened).toHaveLength(opened + 1)
})

it('coming back to the page asks the connection for a sign of life', () => {
  goLive()
  document.dispatchEvent(new Event('visibilitychange'))
  expect(FakeSocket.newest.received).toHaveLength(1)
})

it('a connection on a network that went away is not trusted', () => {
  goLive()
  window.dispatchEvent(new Event('offline'))
  expect(FakeSocket.opened).toHaveLength(2)
})

it('all pages are read, and each is asked for by its own tag', async () => {
  const [a, b] = [factoryOf({ id: 'a' }), factoryOf({ id: 'b' })]
  const api = new FactoriesApi(SERVERS.api)
  api.listFactories = listFactories
  const pages = new FactoryPages(api)
  listFactories.mockResolvedValueOnce(page({ factories: [a], cursor: 'next', etag: '"1"' }))
  listFactories.mockResolvedValueOnce(page({ factories: [b], etag: '"2"' }))
  expect(await pages.readAll()).toEqual({ factories: [a, b], hasChanged: true })

  const changed = factoryOf({ id: 'b', revision: 2 })
  listFactories.mockResolvedValueOnce(undefined)
  listFactories.mockResolvedValueOnce(page({ factories: [changed], etag: '"3"' }))
  expect(await pages.readAll()).toEqual({ factories: [a, changed], hasChanged: true })
  expect(listFactories.mock.calls.slice(2)).toEqual([
    [undefined, '"1"'],
    ['next', '"2"'],
  ])
})

describe('a stage with an Event API', () => {
  beforeEach(async () => {
    channel.close()
    FakeSocket.opened = []
    listFactories.mockResolvedValueOnce(page()).mockResolvedValue(undefined)
    openChannel(APPSYNC)
    await vi.dynamicImportSettled()
  })

  it('shows the tree before it is subscribed, and is live afterwards', async () => {
    await vi.advanceTimersByTimeAsync(1)
    expect(messages).toEqual([snapshotOf(factoryOf())])
    expect(connections).toEqual([])
    subscribe()
    await vi.advanceTimersByTimeAsync(1)
    expect(connections).toEqual([{ state: 'live', isPolling: false }])
    expect(hellos).toBe(1)
  })

  it('reads the tree again and again where the subscription is refused, says so, and asks for other settings', async () => {
    const request = vi.fn(() => Promise.resolve(new Response(JSON.stringify(APPSYNC))))
    vi.stubGlobal('fetch', request)
    FakeSocket.newest.say({
      type: 'connection_error',
      errors: [{ errorType: 'UnauthorizedException' }],
    })
    await vi.advanceTimersByTimeAsync(3_000)
    expect(connections.at(-1)).toMatchObject({ state: 'reconnecting', isPolling: true })
    expect(request).toHaveBeenCalledExactlyOnceWith('/config.json', { cache: 'no-store' })
    const reads = listFactories.mock.calls.length
    await vi.advanceTimersByTimeAsync(POLL_MS * 2)
    expect(listFactories.mock.calls.length).toBeGreaterThan(reads)
  })

  it('takes a new key as soon as the old one is refused', async () => {
    const live = { ...APPSYNC.live, key: 'da2-new' }
    vi.stubGlobal('fetch', async () => new Response(JSON.stringify({ ...APPSYNC, live })))
    await vi.advanceTimersByTimeAsync(1)
    FakeSocket.newest.say({
      type: 'connection_error',
      errors: [{ errorType: 'UnauthorizedException' }],
    })
    await vi.advanceTimersByTimeAsync(10)
    await vi.dynamicImportSettled()
    const header = FakeSocket.newest.protocols[1]?.replace('header-', '') ?? ''
    expect(JSON.parse(atob(header))).toEqual({ host: 'ws.test', 'x-api-key': 'da2-new' })
    subscribe()
    await vi.advanceTimersByTimeAsync(1)
    expect(connections.at(-1)).toEqual({ state: 'live', isPolling: false })
  })

  it('that goes over to servers is followed', async () => {
    vi.stubGlobal('fetch', async () => new Response(JSON.stringify(SERVERS)))
    subscribe()
    await vi.advanceTimersByTimeAsync(1)
    FakeSocket.newest.break()
    // The first attempt fails, too.
    await vi.advanceTimersByTimeAsync(1)
    FakeSocket.newest.break()
    await vi.advanceTimersByTimeAsync(1)
    expect(FakeSocket.newest.url).toBe('ws://ws.test?snapshot=deflate')
    goLive()
    expect(connections.at(-1)).toEqual({ state: 'live', isPolling: false })
  })

  it('that goes over to servers is followed, though the old subscription stands', async () => {
    vi.stubGlobal('fetch', async () => new Response(JSON.stringify(SERVERS)))
    subscribe()
    const keepAlive = setInterval(() => FakeSocket.newest.say({ type: 'ka' }), 1_000)
    await vi.advanceTimersByTimeAsync(250_000)
    clearInterval(keepAlive)
    expect(FakeSocket.newest.url).toBe('ws://ws.test?snapshot=deflate')
  })
})

it('settings that say the same change nothing', () => {
  goLive()
  channel.follow({ ...SERVERS, build: 'b2' })
  expect(FakeSocket.opened).toHaveLength(1)
})

it('servers that give way to an Event API are left at once', async () => {
  listFactories.mockResolvedValue(page())
  goLive()
  channel.follow(APPSYNC)
  await vi.dynamicImportSettled()
  expect(FakeSocket.opened[0]?.isClosed).toBe(true)
  subscribe()
  await vi.advanceTimersByTimeAsync(1)
  expect(connections.map(({ state }) => state)).toEqual(['live', 'live'])
})

it('a server that is back at the first attempt is not looked for in the settings', async () => {
  const request = vi.fn<typeof fetch>()
  vi.stubGlobal('fetch', request)
  goLive()
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(500)
  goLive()
  expect(request).not.toHaveBeenCalled()
})

it('a list that was read while a change came is told once more, though it is the same', async () => {
  listFactories.mockResolvedValueOnce(page()).mockResolvedValue(undefined)
  channel.close()
  openChannel({ ...SERVERS, reads: 'https://site.test/api' })
  goLive()
  FakeSocket.newest.say({ type: 'changed', factory: factoryOf({ id: 'b' }), position: 2 })
  FakeSocket.newest.break()
  channel.tryNow()
  await vi.advanceTimersByTimeAsync(1)
  messages = []
  await vi.advanceTimersByTimeAsync(POLL_MS)
  expect(messages).toEqual([snapshotOf(factoryOf())])
  await vi.advanceTimersByTimeAsync(POLL_MS * 3)
  expect(messages).toHaveLength(1)
})
