import { expect, it } from 'vitest'

import type { Factory } from '@/api/factory'
import type { TreeMessage } from '@/api/message'

import { KnownFactories, type Change, type Receipt } from '../knownFactories'
import recorded from './knownFactories.vectors.json'

/** What a page was given, as `crates/simulation` writes it. */
type Given = { message: TreeMessage } | { factory: Factory } | { removal: [string, number] }

/** Id, and the revisions before and after. */
type Effect = [string, number | null, number | null]

interface Vector {
  seed: number
  page: number
  events: { given: Given; changes: Effect[]; doubtful: string[] }[]
}

const vectors = recorded as unknown as Vector[]

function give(known: KnownFactories, given: Given): Receipt {
  if ('message' in given) {
    return known.receive(given.message)
  }
  const change =
    'factory' in given ? known.learn(given.factory) : known.learnRemoval(...given.removal)
  return { changes: change ? [change] : [], doubtful: [] }
}

function effectOf({ id, before, after }: Change): Effect {
  return [id, before?.revision ?? null, after?.revision ?? null]
}

it.each(vectors)('page $page of schedule $seed', ({ events }) => {
  const known = new KnownFactories()
  for (const { given, changes, doubtful } of events) {
    const receipt = give(known, given)
    expect({
      changes: receipt.changes.map(effectOf).sort(),
      doubtful: [...receipt.doubtful].sort(),
    }).toEqual({ changes, doubtful })
  }
})
