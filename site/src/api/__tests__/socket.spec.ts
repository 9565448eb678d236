import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { backoffDelay } from '../backoff'
import type { TreeMessage } from '../message'
import { LiveSocket } from '../socket'
import { factoryOf, FakeSocket } from './fakeSocket'

/** Where a page connects that knows nothing yet. */
const ADDRESS = 'ws://ws.test/?snapshot=deflate'

let messages: TreeMessage[]
let states: string[]
let socket: LiveSocket

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.install()
  messages = []
  states = []
  const listener = {
    onMessage: (message: TreeMessage) => messages.push(message),
    onHello: () => {},
    onUp: () => states.push('up'),
    onDown: () => states.push('down'),
    onTurn: () => {},
  }
  // Without luck: every wait takes its full length.
  socket = new LiveSocket('ws://ws.test/', listener, () => 1)
  socket.start()
})
afterEach(() => {
  socket.stop()
  vi.useRealTimers()
})

/** Lets time go by on a connection whose server shows signs of life. */
function stayLive(milliseconds: number): void {
  for (let left = milliseconds; left > 0; left -= 1_000) {
    vi.advanceTimersByTime(1_000)
    FakeSocket.newest.say({ type: 'pong' })
  }
}
function goLive(position = 10): void {
  FakeSocket.newest.greet()
  FakeSocket.newest.saySnapshot([factoryOf()], position)
}

describe('a first connection', () => {
  it('is in step once the last piece of the snapshot is there, which is told as one', () => {
    FakeSocket.newest.greet()
    FakeSocket.newest.saySnapshot([factoryOf({ id: 'a' })], 10, false)
    expect([messages, states]).toEqual([[], []])
    FakeSocket.newest.saySnapshot([factoryOf({ id: 'b' })], 10)
    const factories = [factoryOf({ id: 'a' }), factoryOf({ id: 'b' })]
    expect(messages).toEqual([{ type: 'snapshot', factories }])
    expect(states).toEqual(['up'])
  })

  it('over a slow line may take longer, as long as pieces come', () => {
    FakeSocket.newest.greet()
    for (const id of ['a', 'b', 'c']) {
      vi.advanceTimersByTime(8_000)
      FakeSocket.newest.saySnapshot([factoryOf({ id })], 10, id === 'c')
    }
    expect(states).toEqual(['up'])
  })

  it('whose pieces stop coming is given up', () => {
    FakeSocket.newest.greet()
    vi.advanceTimersByTime(8_000)
    FakeSocket.newest.saySnapshot([factoryOf({ id: 'a' })], 10, false)
    vi.advanceTimersByTime(10_000)
    expect(states).toEqual(['down'])
  })

  it('that brings its pieces compressed keeps the order of what follows', async () => {
    const [a, b] = [factoryOf({ id: 'a' }), factoryOf({ id: 'b' })]
    const renamed = { ...b, name: 'later', revision: 2 }
    FakeSocket.newest.greet()
    FakeSocket.newest.sayCompressed({ type: 'snapshot', factories: [a], last: false, position: 10 })
    FakeSocket.newest.sayCompressed({ type: 'snapshot', factories: [b], last: true, position: 10 })
    FakeSocket.newest.say({ type: 'changed', factory: renamed, position: 11 })
    FakeSocket.newest.say({ type: 'pong' })
    FakeSocket.newest.say({ type: 'removed', id: 'a', revision: 2, position: 12 })
    await vi.waitFor(() => expect(messages).toHaveLength(2))
    expect(messages).toEqual([
      { type: 'snapshot', factories: [a, renamed] },
      { type: 'removed', id: 'a', revision: 2 },
    ])
    FakeSocket.newest.break()
    vi.advanceTimersByTime(2_000)
    expect(FakeSocket.newest.url).toBe(`${ADDRESS}&server=s1&position=12`)
  })

  it('whose piece cannot be unpacked is given up, and the next one asks for the whole tree', async () => {
    FakeSocket.newest.greet()
    FakeSocket.newest.onmessage?.({ data: new Blob(['no zlib']) })
    await vi.waitFor(() => expect(states).toEqual(['down']))
    vi.advanceTimersByTime(2_000)
    expect(FakeSocket.opened).toHaveLength(2)
    expect(FakeSocket.newest.url).toBe(ADDRESS)
  })

  it('hands on nothing that was still being unpacked when it was lost', async () => {
    const lost = FakeSocket.newest
    lost.greet()
    lost.sayCompressed({ type: 'snapshot', factories: [factoryOf()], last: true, position: 10 })
    lost.break()
    vi.advanceTimersByTime(2_000)
    goLive()
    FakeSocket.newest.sayCompressed({ type: 'removed', id: 'a', revision: 2, position: 11 })
    await vi.waitFor(() => expect(messages).toHaveLength(2))
    expect(messages.map(({ type }) => type)).toEqual(['snapshot', 'removed'])
  })

  it('asks for nothing but the tree', () => {
    expect(FakeSocket.newest.url).toBe(ADDRESS)
  })

  it('that never gets in step is given up', () => {
    FakeSocket.newest.greet()
    vi.advanceTimersByTime(10_000)
    expect(FakeSocket.opened[0]?.isClosed).toBe(true)
    vi.advanceTimersByTime(500)
    expect(FakeSocket.opened).toHaveLength(2)
  })
})

describe('a snapshot that the server has kept for a while', () => {
  const sayChange = (id: string, revision: number, position: number) =>
    FakeSocket.newest.say({ type: 'changed', factory: factoryOf({ id, revision }), position })

  beforeEach(() => {
    FakeSocket.newest.greet()
    FakeSocket.newest.sayOldSnapshot([factoryOf({ id: 'a' }), factoryOf({ id: 'b' })], 10)
  })

  it('is not told before the changes since: it is a part of the first tree, and none of them is news', () => {
    sayChange('a', 2, 11)
    FakeSocket.newest.say({ type: 'removed', id: 'b', revision: 2, position: 12 })
    sayChange('c', 1, 13)
    FakeSocket.newest.say({ type: 'removed', id: 'c', revision: 2, position: 14 })
    sayChange('d', 1, 15)
    expect([messages, states]).toEqual([[], []])
    FakeSocket.newest.pong()
    const factories = [factoryOf({ id: 'a', revision: 2 }), factoryOf({ id: 'd' })]
    expect(messages).toEqual([{ type: 'snapshot', factories }])
    expect(states).toEqual(['up'])
  })

  it('is asked about once, and what follows the answer is news', () => {
    expect(FakeSocket.newest.received).toEqual(['{"type":"ping"}'])
    FakeSocket.newest.pong()
    sayChange('a', 2, 11)
    expect(messages.slice(1)).toEqual([
      { type: 'changed', factory: factoryOf({ id: 'a', revision: 2 }) },
    ])
  })

  it('goes on from where the changes led', () => {
    sayChange('a', 2, 11)
    FakeSocket.newest.pong()
    FakeSocket.newest.break()
    vi.advanceTimersByTime(500)
    expect(FakeSocket.newest.url).toContain('position=11')
  })

  it('and that breaks before its changes were told leaves nothing to go on from', () => {
    sayChange('a', 2, 11)
    FakeSocket.newest.break()
    vi.advanceTimersByTime(500)
    expect(FakeSocket.newest.url).toBe(ADDRESS)
    expect(messages).toEqual([])
  })

  it('whose changes do not end is given up only when nothing more comes', () => {
    for (let position = 11; position < 16; position += 1) {
      vi.advanceTimersByTime(8_000)
      sayChange('a', position, position)
    }
    expect(states).toEqual([])
    vi.advanceTimersByTime(10_000)
    expect(states).toEqual(['down'])
  })
})

it('changes are passed on in their order', () => {
  goLive()
  FakeSocket.newest.say({ type: 'changed', factory: factoryOf({ revision: 2 }), position: 11 })
  FakeSocket.newest.say({ type: 'removed', id: 'a', revision: 3, position: 12 })
  expect(messages.slice(1)).toEqual([
    { type: 'changed', factory: factoryOf({ revision: 2 }) },
    { type: 'removed', id: 'a', revision: 3 },
  ])
})

describe('a lost connection', () => {
  it('comes back by itself and names where it was', () => {
    goLive(10)
    FakeSocket.newest.say({ type: 'removed', id: 'a', revision: 3, position: 12 })
    FakeSocket.newest.break()
    expect(states).toEqual(['up', 'down'])
    vi.advanceTimersByTime(500)
    expect(FakeSocket.newest.url).toBe(`${ADDRESS}&server=s1&position=12`)
  })

  it('is in step at once on the same server, which sends only what was missed', () => {
    goLive()
    FakeSocket.newest.break()
    vi.advanceTimersByTime(500)
    FakeSocket.newest.greet('s1')
    expect(states).toEqual(['up', 'down', 'up'])
  })

  it('waits for the whole tree on another server', () => {
    goLive()
    FakeSocket.newest.break()
    vi.advanceTimersByTime(500)
    FakeSocket.newest.greet('s2')
    expect(states).toEqual(['up', 'down'])
    FakeSocket.newest.saySnapshot([], 3)
    expect(states).toEqual(['up', 'down', 'up'])
    FakeSocket.newest.break()
    vi.advanceTimersByTime(1_000)
    expect(FakeSocket.newest.url).toContain('server=s2&position=3')
  })

  it('in the middle of a snapshot does not name a position: the rest would be missed', () => {
    FakeSocket.newest.greet()
    FakeSocket.newest.saySnapshot([factoryOf()], 10, false)
    FakeSocket.newest.break()
    vi.advanceTimersByTime(500)
    expect(FakeSocket.newest.url).toBe(ADDRESS)
    expect(messages).toEqual([])
  })

  it('in the middle of a second snapshot names the place from before it', () => {
    goLive(10)
    FakeSocket.newest.saySnapshot([factoryOf()], 500, false)
    FakeSocket.newest.say({ type: 'changed', factory: factoryOf({ revision: 2 }), position: 501 })
    FakeSocket.newest.break()
    vi.advanceTimersByTime(500)
    expect(FakeSocket.newest.url).toContain('position=10')
  })

  it('does not mix the pieces of two snapshots', () => {
    FakeSocket.newest.greet()
    FakeSocket.newest.saySnapshot([factoryOf({ id: 'gone' })], 10, false)
    FakeSocket.newest.break()
    vi.advanceTimersByTime(500)
    goLive()
    expect(messages).toEqual([{ type: 'snapshot', factories: [factoryOf()] }])
  })

  it('hears no more of what arrives late on the old connection', () => {
    goLive()
    const old = FakeSocket.newest
    old.break()
    old.say({ type: 'removed', id: 'a', revision: 3, position: 12 })
    expect(messages).toHaveLength(1)
  })
})

describe('waiting', () => {
  /** Loses every connection at once and returns how long each next one took. */
  function measureWaits(count: number): number[] {
    return Array.from({ length: count }, () => {
      const opened = FakeSocket.opened.length
      const start = Date.now()
      FakeSocket.newest.break()
      while (FakeSocket.opened.length === opened) {
        vi.advanceTimersByTime(100)
      }
      return Date.now() - start
    })
  }

  it('doubles from half a second to half a minute', () => {
    const waits = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
    expect(measureWaits(8)).toEqual(waits)
  })

  it('starts short again after a minute in step, and not before', () => {
    measureWaits(4)
    goLive()
    stayLive(59_000)
    expect(measureWaits(1)).toEqual([8_000])
    goLive()
    stayLive(60_000)
    expect(measureWaits(1)).toEqual([500])
  })

  it('is spread over the whole time by chance', () => {
    expect([0, 0.5, 0.999].map((chance) => backoffDelay(3, () => chance))).toEqual([
      0, 2_000, 3_996,
    ])
  })

  it('ends when the network is back', () => {
    measureWaits(6)
    FakeSocket.newest.break()
    const opened = FakeSocket.opened.length
    socket.retryNow()
    expect(FakeSocket.opened).toHaveLength(opened + 1)
  })
})

describe('a silent connection', () => {
  it('is asked for a sign of life, and kept when it gives one', () => {
    goLive()
    vi.advanceTimersByTime(25_000)
    expect(FakeSocket.newest.received).toEqual(['{"type":"ping"}'])
    FakeSocket.newest.say({ type: 'pong' })
    vi.advanceTimersByTime(24_000)
    expect(FakeSocket.opened).toHaveLength(1)
    expect(states).toEqual(['up'])
  })

  it('is given up when nothing answers', () => {
    goLive(10)
    vi.advanceTimersByTime(25_000 + 5_000)
    expect(FakeSocket.newest.isClosed).toBe(true)
    expect(states).toEqual(['up', 'down'])
    vi.advanceTimersByTime(500)
    expect(FakeSocket.newest.url).toContain('position=10')
  })

  it('that still talks is not asked', () => {
    goLive()
    for (let minute = 1; minute <= 20; minute += 1) {
      vi.advanceTimersByTime(20_000)
      FakeSocket.newest.say({ type: 'changed', factory: factoryOf(), position: 10 + minute })
    }
    expect(FakeSocket.newest.received).toEqual([])
  })
})

it('a connection that is not trusted is replaced by one that resumes, without being told as lost', () => {
  goLive(10)
  socket.renew()
  expect(FakeSocket.opened[0]?.isClosed).toBe(true)
  expect(FakeSocket.newest.url).toContain('position=10')
  FakeSocket.newest.greet()
  expect(states).not.toContain('down')
})

it('an unknown message is left to newer pages', () => {
  goLive()
  FakeSocket.newest.say({ type: 'presence', people: 3 })
  expect(states).toEqual(['up'])
  expect(messages).toHaveLength(1)
})

it('a broken message starts over with the whole tree', () => {
  goLive()
  FakeSocket.newest.sayText('{"type":"changed","factory":{}}')
  expect(states).toEqual(['up', 'down'])
  vi.advanceTimersByTime(500)
  expect(FakeSocket.newest.url).toBe(ADDRESS)
})

it('an address that the browser refuses is tried again like any other', () => {
  vi.stubGlobal('WebSocket', function refuse() {
    throw new DOMException('insecure', 'SecurityError')
  })
  FakeSocket.newest.break()
  expect(() => vi.advanceTimersByTime(500)).not.toThrow()
  expect(states).toEqual(['down', 'down'])
})

it('a stopped socket stays away', () => {
  goLive()
  socket.stop()
  vi.advanceTimersByTime(600_000)
  expect(FakeSocket.opened).toHaveLength(1)
  expect(FakeSocket.newest.isClosed).toBe(true)
})
