import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { Channel, type Connection } from '../channel'
import { FactoriesApi, type FactoryPage } from '../factories'
import type { TreeMessage } from '../message'
import { FactoryPages, POLL_MS, pollDelay } from '../polling'
import { ProblemError } from '../problem'
import { factoryOf, FakeSocket } from './fakeSocket'

const config = { build: 'b1', api: 'https://api.test', socket: 'ws://ws.test' }
let connections: Connection[]
let messages: TreeMessage[]
let channel: Channel
let builds: string[]
const listFactories = vi.fn<FactoriesApi['listFactories']>()

function page(fields: Partial<FactoryPage> = {}): FactoryPage {
  return { factories: [factoryOf()], cursor: undefined, etag: '"1"', ...fields }
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.install()
  connections = []
  messages = []
  builds = []
  listFactories.mockReset()
  const api = new FactoriesApi(config.api)
  api.listFactories = listFactories
  channel = new Channel(
    config,
    api,
    {
      onMessage: (message) => messages.push(message),
      onConnection: (connection) => connections.push(connection),
      onHello: (build) => builds.push(build),
    },
    () => 0,
  )
  channel.open()
})
afterEach(() => {
  channel.close()
  vi.useRealTimers()
})

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
  expect(messages).toEqual([{ type: 'snapshot', factories: [factoryOf()] }])
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
  expect(messages).toEqual([{ type: 'snapshot', factories: [factoryOf()] }])
})

it('a page whose first socket hangs has read the tree within a second', async () => {
  listFactories.mockResolvedValue(page())
  await vi.advanceTimersByTimeAsync(600)
  expect(messages).toEqual([{ type: 'snapshot', factories: [factoryOf()] }])
})

it('a page whose server says hello waits for its tree', async () => {
  FakeSocket.newest.greet()
  await vi.advanceTimersByTimeAsync(2_900)
  expect(listFactories).not.toHaveBeenCalled()
})

it('tells the builds of the servers that say hello', () => {
  FakeSocket.newest.greet()
  expect(builds).toEqual(['b1'])
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
    config,
    Object.assign(new FactoriesApi(config.api), { listFactories }),
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
  const api = new FactoriesApi(config.api)
  api.listFactories = listFactories
  const pages = new FactoryPages(api)
  listFactories.mockResolvedValueOnce(page({ factories: [a], cursor: 'next', etag: '"1"' }))
  listFactories.mockResolvedValueOnce(page({ factories: [b], etag: '"2"' }))
  expect(await pages.readAll()).toEqual([a, b])

  const changed = factoryOf({ id: 'b', revision: 2 })
  listFactories.mockResolvedValueOnce(undefined)
  listFactories.mockResolvedValueOnce(page({ factories: [changed], etag: '"3"' }))
  expect(await pages.readAll()).toEqual([a, changed])
  expect(listFactories.mock.calls.slice(2)).toEqual([
    [undefined, '"1"'],
    ['next', '"2"'],
  ])
})
