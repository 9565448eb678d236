import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { AppSyncChannel } from '../appSyncChannel'
import { FactoriesApi, type FactoryPage } from '../factories'
import type { TreeMessage } from '../message'
import { TreeReader } from '../treeReader'
import { APPSYNC, factoryOf, FakeSocket, subscribe } from './fakeSocket'

const { live } = APPSYNC
const listFactories = vi.fn<FactoriesApi['listFactories']>()
let messages: TreeMessage[]
let states: string[]
let channel: AppSyncChannel

function page(...factories: ReturnType<typeof factoryOf>[]): FactoryPage {
  return { factories, cursor: undefined, etag: '"1"' }
}
async function goLive(): Promise<string> {
  const id = subscribe()
  await vi.advanceTimersByTimeAsync(0)
  return id
}
/** Has the Event API deliver what the publisher sent. */
function deliver(id: string, ...events: object[]): void {
  const texts = events.map((event) => JSON.stringify(event))
  FakeSocket.newest.say({ type: 'data', id, event: texts.length === 1 ? texts[0] : texts })
}
function sent(socket = FakeSocket.newest): { type: string; id: string }[] {
  return socket.received.map((text) => JSON.parse(text) as { type: string; id: string })
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.install()
  messages = []
  states = []
  listFactories.mockReset().mockResolvedValue(page(factoryOf()))
  const api = new FactoriesApi(APPSYNC.api, APPSYNC.reads)
  api.listFactories = listFactories
  const listener = {
    onMessage: (message: TreeMessage) => messages.push(message),
    onHello: () => states.push('hello'),
    onUp: () => states.push('up'),
    onDown: (_: number, isRefused = false) => states.push(isRefused ? 'refused' : 'down'),
    onTurn: () => {},
  }
  if (live.kind !== 'appsync') {
    throw new Error('the settings name no Event API')
  }
  // Without luck: every wait takes its full length.
  channel = new AppSyncChannel(APPSYNC.socket, live, new TreeReader(api), listener, () => 1)
  channel.start()
})
afterEach(() => {
  channel.stop()
  vi.useRealTimers()
})

describe('the handshake', () => {
  it('names the key as a protocol, and again with the subscription', async () => {
    const { url, protocols } = FakeSocket.newest
    expect(url).toBe('wss://ws.test/event/realtime')
    expect(protocols[0]).toBe('aws-appsync-event-ws')
    const authorization = { host: 'ws.test', 'x-api-key': 'da2-key' }
    expect(protocols[1]).toMatch(/^header-[\w-]+$/)
    expect(JSON.parse(atob(protocols[1]?.slice('header-'.length) ?? ''))).toEqual(authorization)
    const id = await goLive()
    expect(sent()).toEqual([
      { type: 'connection_init' },
      { type: 'subscribe', id, channel: '/tree/main', authorization },
    ])
  })

  it('is in step once the tree is read, and not before', async () => {
    FakeSocket.newest.onopen?.()
    await vi.advanceTimersByTimeAsync(100)
    expect(listFactories).not.toHaveBeenCalled()
    subscribe()
    expect(states).toEqual(['hello'])
    await vi.advanceTimersByTimeAsync(0)
    expect(states).toEqual(['hello', 'up'])
    expect(messages).toEqual([
      { type: 'snapshot', factories: [factoryOf()], asOf: performance.now() - 3_000 },
    ])
  })

  it('that stops half way is given up', async () => {
    FakeSocket.newest.onopen?.()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(states).toEqual(['down'])
    await vi.advanceTimersByTimeAsync(500)
    expect(FakeSocket.opened).toHaveLength(2)
  })

  it.each(['connection_error', 'subscribe_error'])('a %s for want of rights is told', (type) => {
    FakeSocket.newest.say({ type, errors: [{ errorType: 'UnauthorizedException' }] })
    expect(states).toEqual(['refused'])
  })

  it('an error of another kind is a failed attempt', () => {
    FakeSocket.newest.say({ type: 'subscribe_error', errors: [{ errorType: 'LimitExceeded' }] })
    expect(states).toEqual(['down'])
  })

  it('a tree that cannot be read makes a failed attempt', async () => {
    listFactories.mockRejectedValue(new Error('busy'))
    await goLive()
    expect(states).toEqual(['hello', 'down'])
  })
})

describe('events', () => {
  const factory = factoryOf({ id: 'b', revision: 7 })

  it('come one by one or as a list, and each is told', async () => {
    const id = await goLive()
    messages = []
    const removal = { type: 'removed', id: 'a', revision: 3 } as const
    deliver(id, { type: 'changed', factory })
    deliver(id, removal, { type: 'changed', factory })
    expect(messages).toEqual([{ type: 'changed', factory }, removal, { type: 'changed', factory }])
  })

  it('that come before the tree is read are told at once', () => {
    deliver(subscribe(), { type: 'changed', factory })
    expect(messages).toEqual([{ type: 'changed', factory }])
  })

  it('of another subscription, heartbeats and kinds from later releases are left alone', async () => {
    const id = await goLive()
    messages = []
    deliver('another', { type: 'changed', factory })
    deliver(id, { type: 'heartbeat', server: 's', publisher: 'b' }, { type: 'later' })
    await vi.advanceTimersByTimeAsync(1)
    expect(messages).toEqual([])
    expect(listFactories).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['is not JSON', (id: string) => FakeSocket.newest.say({ type: 'data', id, event: '{' })],
    ['breaks the contract', (id: string) => deliver(id, { type: 'changed', factory: { id: 'b' } })],
    ['could not be sent', () => FakeSocket.newest.say({ type: 'broadcast_error', errors: [] })],
  ])('one that %s may have been a change: the tree is read, and again', async (_, happen) => {
    const id = await goLive()
    await vi.advanceTimersByTimeAsync(6_000)
    listFactories.mockClear()
    happen(id)
    await vi.advanceTimersByTimeAsync(1)
    expect(listFactories).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(listFactories).toHaveBeenCalledTimes(2)
  })
})

describe('readings', () => {
  it('a second one follows 5 s later, and others every few minutes', async () => {
    await goLive()
    await vi.advanceTimersByTimeAsync(4_999)
    expect(listFactories).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(listFactories).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(239_000)
    expect(listFactories).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(listFactories).toHaveBeenCalledTimes(3)
  })

  it('a second one that fails is tried again, and costs no connection', async () => {
    await goLive()
    listFactories.mockRejectedValueOnce(new Error('busy'))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(listFactories).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(12_500)
    expect(listFactories).toHaveBeenCalledTimes(3)
    expect(states).toEqual(['hello', 'up'])
  })

  it('a page that nobody sees waits with the next one until it is seen', async () => {
    await goLive()
    await vi.advanceTimersByTimeAsync(5_000)
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
    for (let minute = 0; minute < 20; minute += 1) {
      await vi.advanceTimersByTimeAsync(60_000)
      FakeSocket.newest.say({ type: 'ka' })
    }
    expect(listFactories).toHaveBeenCalledTimes(2)
    visibility.mockReturnValue('visible')
    channel.check()
    await vi.advanceTimersByTimeAsync(1)
    expect(listFactories).toHaveBeenCalledTimes(3)
  })

  it('ask for what is new only', async () => {
    await goLive()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(listFactories.mock.calls).toEqual([
      [undefined, undefined],
      [undefined, '"1"'],
    ])
  })
})

describe('a connection', () => {
  it('that is silent for as long as its server allows is dead', async () => {
    await goLive()
    await vi.advanceTimersByTimeAsync(200_000)
    FakeSocket.newest.say({ type: 'ka' })
    await vi.advanceTimersByTimeAsync(299_000)
    expect(states).toEqual(['hello', 'up'])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(states).toEqual(['hello', 'up', 'down'])
  })

  it('that is asked for a sign of life and gives none is dead', async () => {
    await goLive()
    channel.check()
    expect(sent().at(-1)?.type).toBe('unsubscribe')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(states).toEqual(['hello', 'up', 'down'])
  })

  it('that answers, with an error, is alive', async () => {
    await goLive()
    channel.check()
    FakeSocket.newest.say({ type: 'unsubscribe_error', id: sent().at(-1)?.id, errors: [] })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(states).toEqual(['hello', 'up'])
  })

  it('that ends comes back, with longer and longer waits, and reads the tree anew', async () => {
    await goLive()
    for (const delay of [500, 1_000, 2_000]) {
      FakeSocket.newest.break()
      const opened = FakeSocket.opened.length
      await vi.advanceTimersByTimeAsync(delay - 1)
      expect(FakeSocket.opened).toHaveLength(opened)
      await vi.advanceTimersByTimeAsync(1)
      expect(FakeSocket.opened).toHaveLength(opened + 1)
    }
    messages = []
    await goLive()
    expect(messages).toHaveLength(1)
    expect(states.at(-1)).toBe('up')
  })

  it('that is lost is tried at once when there is a reason to', async () => {
    await goLive()
    FakeSocket.newest.break()
    channel.retryNow()
    expect(FakeSocket.opened).toHaveLength(2)
  })

  it('that is not trusted is replaced', async () => {
    await goLive()
    channel.renew()
    expect(FakeSocket.opened[0]?.isClosed).toBe(true)
    expect(FakeSocket.opened).toHaveLength(2)
  })

  it('that a browser refuses to open is a failed attempt', async () => {
    await goLive()
    vi.stubGlobal('WebSocket', () => {
      throw new Error('refused')
    })
    channel.renew()
    expect(states.at(-1)).toBe('down')
  })
})
