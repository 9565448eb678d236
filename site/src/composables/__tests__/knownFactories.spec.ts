import { beforeEach, describe, expect, it } from 'vitest'

import { factoryOf } from '@/api/__tests__/fakeSocket'
import type { Factory } from '@/api/factory'
import type { TreeMessage } from '@/api/message'

import { KnownFactories } from '../knownFactories'

function changed(fields: Partial<Factory>): TreeMessage {
  return { type: 'changed', factory: factoryOf(fields) }
}
function removed(id: string, revision: number): TreeMessage {
  return { type: 'removed', id, revision }
}
function snapshot(...factories: Factory[]): TreeMessage {
  return { type: 'snapshot', factories }
}
function after(...messages: TreeMessage[]): KnownFactories {
  const known = new KnownFactories()
  messages.forEach((message) => known.receive(message))
  return known
}

describe('never older', () => {
  it('an older revision is ignored', () => {
    const known = after(changed({ revision: 5 }))
    expect(known.receive(changed({ revision: 4 })).changes).toEqual([])
    expect(known.find('a')?.revision).toBe(5)
  })

  it('the same message twice changes nothing the second time', () => {
    const known = after(changed({ revision: 5 }))
    expect(known.receive(changed({ revision: 5 })).changes).toEqual([])
  })

  it('a removed factory does not come back by a late message', () => {
    const known = after(changed({ revision: 5 }), removed('a', 6))
    expect(known.receive(changed({ revision: 5 })).changes).toEqual([])
    expect(known.find('a')).toBeUndefined()
  })

  it('a removal that comes before everything else still holds', () => {
    const known = after(removed('a', 6), changed({ revision: 5 }))
    expect(known.find('a')).toBeUndefined()
  })

  it('an old snapshot brings nothing back', () => {
    const known = after(removed('a', 6), changed({ id: 'b', revision: 9 }))
    const old = snapshot(factoryOf({ revision: 5 }), factoryOf({ id: 'b', revision: 8 }))
    expect(known.receive(old).changes).toEqual([])
  })

  it('a restored factory comes back, and its late removal is ignored', () => {
    const known = after(removed('a', 6), changed({ revision: 7 }), removed('a', 6))
    expect(known.find('a')?.revision).toBe(7)
  })
})

describe('a snapshot of the table', () => {
  let now: number
  let known: KnownFactories
  beforeEach(() => {
    now = 1_000
    known = new KnownFactories(() => now)
  })
  function read(asOf: number, ...factories: Factory[]): string[] {
    const { changes } = known.receive({ type: 'snapshot', factories, asOf })
    return changes.map(({ id, after }) => `${after ? '+' : '-'}${id}`)
  }

  it('takes away nothing that was heard of after its time', () => {
    known.receive(changed({ revision: 1 }))
    expect(read(900)).toEqual([])
    expect(known.find('a')).toBeDefined()
  })

  it('takes away nothing that was written here after its time', () => {
    known.learn(factoryOf({ revision: 1 }))
    expect(known.receive({ type: 'snapshot', factories: [], asOf: 900 })).toEqual({
      changes: [],
      doubtful: [],
    })
  })

  it('takes away what was known at its time', () => {
    known.receive(changed({ revision: 1 }))
    expect(read(1_000)).toEqual(['-a'])
  })

  it('that is older than another brings nothing back that the other lacked', () => {
    known.receive(changed({ revision: 5 }))
    expect(read(1_100)).toEqual(['-a'])
    expect(read(1_050, factoryOf({ revision: 5 }))).toEqual([])
    expect(read(1_200, factoryOf({ revision: 7 }))).toEqual(['+a'])
  })

  it('that is older than what is known changes nothing back', () => {
    known.receive(changed({ revision: 5 }))
    expect(read(900, factoryOf({ revision: 4 }))).toEqual([])
    expect(known.find('a')?.revision).toBe(5)
  })
})

describe('a snapshot', () => {
  it('removes what is not in it', () => {
    const known = after(changed({}), changed({ id: 'b' }))
    const { changes } = known.receive(snapshot(factoryOf()))
    expect(changes).toEqual([{ id: 'b', before: factoryOf({ id: 'b' }), after: undefined }])
    expect(known.find('b')).toBeUndefined()
  })

  it('of a server that lags behind does not lock out what the server is about to tell', () => {
    const known = after(snapshot(factoryOf({ revision: 3 })), snapshot(), changed({ revision: 3 }))
    expect(known.find('a')?.revision).toBe(3)
  })

  it('still keeps older messages out', () => {
    const known = after(snapshot(factoryOf({ revision: 3 })), snapshot(), changed({ revision: 2 }))
    expect(known.find('a')).toBeUndefined()
  })

  it('does not remove what the API has just confirmed, but has it asked for', () => {
    const known = after(snapshot())
    known.learn(factoryOf())
    expect(known.receive(snapshot())).toEqual({ changes: [], doubtful: ['a'] })
    expect(known.find('a')).toBeDefined()
  })

  it('removes what the channel once confirmed, though the API told it first', () => {
    const known = after(snapshot())
    known.learn(factoryOf())
    known.receive(changed({}))
    expect(known.receive(snapshot()).changes).toHaveLength(1)
  })
})

it('the channel owes the news of a write until it tells of it or of a later one', () => {
  const known = after(snapshot(factoryOf()))
  known.learn(factoryOf({ revision: 2 }))
  expect(known.isUnconfirmed('a', 2)).toBe(true)
  known.receive(changed({ revision: 3 }))
  expect(known.isUnconfirmed('a', 2)).toBe(false)
})

it('a write that the channel told of first is not owed', () => {
  const known = after(snapshot(factoryOf()), changed({ revision: 2 }))
  known.learn(factoryOf({ revision: 2 }))
  expect(known.isUnconfirmed('a', 2)).toBe(false)
})

/** A small generator with a seed, so that a failure can be repeated. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Returns a plausible life of one factory: every revision once, with removals and their undoing. */
function lifeOf(id: string, random: (below: number) => number): TreeMessage[] {
  let isThere = true
  return Array.from({ length: 2 + random(8) }, (_, index) => {
    isThere = index === 0 || !isThere || random(4) > 0
    const revision = index + 1
    return isThere ? changed({ id, revision, numbers: [random(9)] }) : removed(id, revision)
  })
}

function shuffled<T>(list: readonly T[], random: (below: number) => number): T[] {
  return list
    .map((element) => ({ element, order: random(1_000_000) }))
    .sort((one, other) => one.order - other.order)
    .map(({ element }) => element)
}

it('any order with any repetition ends where the right order ends, and never steps back', () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = createRandom(seed)
    const lives = ['a', 'b', 'c'].map((id) => lifeOf(id, random))
    const all = lives.flat()
    const repeated = all.filter(() => random(2) === 0)
    const known = new KnownFactories()
    const seen = new Map<string, number>()
    for (const message of shuffled([...all, ...repeated], random)) {
      for (const change of known.receive(message).changes) {
        const revision = change.after?.revision ?? change.before?.revision ?? 0
        expect(revision, `seed ${seed}`).toBeGreaterThanOrEqual(seen.get(change.id) ?? 0)
        seen.set(change.id, revision)
      }
    }
    const ordered = after(...all)
    for (const id of ['a', 'b', 'c']) {
      expect(known.find(id), `seed ${seed}`).toEqual(ordered.find(id))
    }
  }
})
