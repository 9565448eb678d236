/**
 * A page on an Event API whose messages are lost, doubled and late, and whose lists come from caches that are up to two
 * seconds old and do not agree. Whatever happens: nothing goes back to an older state, and in the end the page has what the
 * table has.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { APPSYNC, factoryOf, FakeSocket } from '@/api/__tests__/fakeSocket'
import { Channel } from '@/api/channel'
import { FactoriesApi } from '@/api/factories'
import type { Factory } from '@/api/factory'

import { KnownFactories } from '../knownFactories'

const SCHEDULES = 60
const IDS = ['a', 'b', 'c', 'd']
const CACHE_MS = 2_000

/** Returns numbers that look random, the same for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** A table, two caches before it, and an Event API behind it. */
class World {
  readonly table = new Map<string, Factory>()
  private readonly revisions = new Map<string, number>()
  private readonly caches: { at: number; factories: Factory[] }[] = []
  /** Until then the subscription, though acknowledged, gets nothing. */
  deafUntil = Number.POSITIVE_INFINITY
  subscription = ''

  constructor(
    private readonly random: () => number,
    private readonly loss: number,
  ) {}

  write(): void {
    const id = IDS[Math.floor(this.random() * IDS.length)] ?? ''
    const revision = (this.revisions.get(id) ?? 0) + 1
    this.revisions.set(id, revision)
    if (this.table.has(id) && this.random() < 0.4) {
      this.table.delete(id)
      return this.publish({ type: 'removed', id, revision })
    }
    const factory = factoryOf({ id, revision })
    this.table.set(id, factory)
    this.publish({ type: 'changed', factory })
  }

  private publish(message: object): void {
    const copies = this.random() < this.loss ? 0 : this.random() < 0.2 ? 2 : 1
    const socket = FakeSocket.opened.at(-1)
    for (let copy = 0; copy < copies; copy += 1) {
      const event = JSON.stringify(message)
      setTimeout(() => {
        if (Date.now() >= this.deafUntil) {
          socket?.say({ type: 'data', id: this.subscription, event })
        }
      }, this.random() * 900)
    }
  }

  /** A list from one of the caches, whichever is asked. */
  async list(): Promise<Factory[]> {
    const which = this.random() < 0.5 ? 0 : 1
    const cached = this.caches[which]
    const isFresh = cached !== undefined && Date.now() - cached.at < CACHE_MS
    const { factories } = isFresh
      ? cached
      : (this.caches[which] = { at: Date.now(), factories: [...this.table.values()] })
    await new Promise((resolve) => setTimeout(resolve, this.random() * 300))
    return factories
  }
}

/** A page that is subscribed in a world, and watches itself for steps back. */
class Page {
  readonly known = new KnownFactories()
  readonly faults: string[] = []
  private readonly seen = new Map<string, number>()
  private readonly channel: Channel

  constructor(world: World, random: () => number) {
    const api = new FactoriesApi(APPSYNC.api, APPSYNC.reads)
    api.listFactories = async () => ({
      factories: await world.list(),
      cursor: undefined,
      etag: undefined,
    })
    const listener = {
      onConnection: () => undefined,
      onHello: () => undefined,
      onMessage: (message: Parameters<KnownFactories['receive']>[0]) => {
        for (const { id, before, after } of this.known.receive(message).changes) {
          const least = this.seen.get(id) ?? 0
          const revision = after?.revision ?? (before?.revision ?? 0) + 1
          if (revision < least) {
            this.faults.push(`${id} went from ${least} to ${revision} by a ${message.type}`)
          }
          this.seen.set(id, revision)
        }
      },
    }
    this.channel = new Channel(APPSYNC, api, listener, random)
    this.channel.open()
  }

  close(): void {
    this.channel.close()
  }

  get factories(): string[] {
    return IDS.flatMap((id) => this.known.find(id) ?? []).map(describe)
  }
}

function describe({ id, revision }: Factory): string {
  return `${id} ${revision}`
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.install()
})
afterEach(() => {
  vi.useRealTimers()
})

interface Circumstances {
  /** The share of messages that never come. */
  readonly loss: number
  /** How long the subscription gets nothing at first. */
  readonly deafMs: number
  /** How long the table is written to. */
  readonly spanMs: number
  /** After how long the page has what the table has. */
  readonly settleMs: number
}

/** Tells one schedule; returns what the page went wrong in, and what it has where the table has something else. */
async function run(seed: number, circumstances: Circumstances): Promise<unknown> {
  const { loss, deafMs, spanMs, settleMs } = circumstances
  const random = createRandom(seed)
  const world = new World(random, loss)
  for (let writes = 0; writes < 5; writes += 1) {
    world.write()
  }
  const page = new Page(world, random)
  await vi.dynamicImportSettled()
  await vi.advanceTimersByTimeAsync(50)
  FakeSocket.newest.onopen?.()
  FakeSocket.newest.say({ type: 'connection_ack', connectionTimeoutMs: 3_600_000 })
  world.subscription = (JSON.parse(FakeSocket.newest.received.at(-1) ?? '{}') as { id: string }).id
  FakeSocket.newest.say({ type: 'subscribe_success', id: world.subscription })
  world.deafUntil = Date.now() + deafMs
  for (let writes = 0; writes < 12; writes += 1) {
    await vi.advanceTimersByTimeAsync((random() * 2 * spanMs) / 12)
    // Other visitors keep the caches filled.
    void world.list()
    world.write()
    if (loss > 0 && random() < 0.5) {
      // Makes the page suspect that it missed something: it reads.
      FakeSocket.newest.say({ type: 'broadcast_error' })
    }
  }
  await vi.advanceTimersByTimeAsync(settleMs)
  const table = [...world.table.values()].sort((one, other) => (one.id < other.id ? -1 : 1))
  page.close()
  vi.clearAllTimers()
  return { faults: page.faults, has: page.factories, shouldHave: table.map(describe) }
}

function expectRight(outcome: unknown, seed: number): void {
  const { faults, has, shouldHave } = outcome as Record<string, string[]>
  expect(faults, `seed ${seed}`).toEqual([])
  expect(has, `seed ${seed}`).toEqual(shouldHave)
}

it('what a subscription misses in its first moments is there some seconds later', async () => {
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    expectRight(await run(seed, { loss: 0, deafMs: 1_500, spanMs: 1_500, settleMs: 7_000 }), seed)
  }
})

it('whatever is lost, doubled or late, the page ends with what the table has', async () => {
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    const settleMs = 6 * 60_000
    expectRight(await run(seed, { loss: 0.5, deafMs: 0, spanMs: 20_000, settleMs }), seed)
  }
})
