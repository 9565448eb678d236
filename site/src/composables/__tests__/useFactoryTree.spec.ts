import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watch } from 'vue'

import { factoryOf } from '@/api/__tests__/fakeSocket'
import { FactoriesApi } from '@/api/factories'
import type { Factory } from '@/api/factory'
import { NetworkError, ProblemError } from '@/api/problem'

import { createFactoryTree, type FactoryTree } from '../useFactoryTree'

const api = new FactoriesApi('https://api.test')
const onRemoteChanges = vi.fn()
const onOverdue = vi.fn()
let tree: FactoryTree

beforeEach(() => {
  vi.useFakeTimers()
  onRemoteChanges.mockReset()
  onOverdue.mockReset()
  tree = createFactoryTree(api, { onRemoteChanges, onOverdue })
})
afterEach(() => vi.useRealTimers())

function load(...factories: Factory[]): void {
  tree.receive({ type: 'snapshot', factories })
  vi.advanceTimersByTime(20)
}
function receive(fields: Partial<Factory>): void {
  tree.receive({ type: 'changed', factory: factoryOf(fields) })
  vi.advanceTimersByTime(20)
}
function row(id = 'a') {
  return tree.rows.value.get(id)
}
function mismatch(fields: Partial<Factory>): ProblemError {
  return new ProblemError(412, 'changed', 'revision-mismatch', undefined, factoryOf(fields))
}
/** Makes one method of the API wait until the test lets it answer. */
function stall<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<T>((...settle) => ([resolve, reject] = settle))
  return { promise, resolve, reject }
}

it('a burst of messages is shown once', () => {
  load()
  const shown = vi.fn()
  const stop = watch(tree.rows, shown, { flush: 'sync' })
  for (let id = 0; id < 100; id += 1) {
    tree.receive({ type: 'changed', factory: factoryOf({ id: String(id) }) })
  }
  expect(shown).not.toHaveBeenCalled()
  vi.advanceTimersByTime(20)
  expect(shown).toHaveBeenCalledOnce()
  expect(tree.rows.value.size).toBe(100)
  stop()
})

describe('a wish', () => {
  it('shows at once, is marked, and loses the mark when it is confirmed', async () => {
    load(factoryOf())
    const answer = stall<Factory>()
    api.updateFactory = vi.fn(() => answer.promise)
    const outcome = tree.writes.update(factoryOf(), { name: 'B' })
    expect(row()).toMatchObject({ pending: 'saving', factory: { name: 'B', revision: 1 } })
    answer.resolve(factoryOf({ name: 'B', revision: 2 }))
    expect(await outcome).toEqual({ kind: 'saved' })
    expect(row()).toEqual({ factory: factoryOf({ name: 'B', revision: 2 }) })
  })

  it('that is refused is put back, with the reason', async () => {
    load(factoryOf())
    api.updateFactory = vi.fn().mockRejectedValue(new ProblemError(422, 'no', 'x', 'name'))
    const outcome = tree.writes.update(factoryOf(), { name: 'B' })
    expect(row()?.factory.name).toBe('B')
    expect(await outcome).toEqual({ kind: 'refused', reason: 'no', field: 'name' })
    expect(row()).toEqual({ factory: factoryOf() })
  })

  it('that is put back shows what others did meanwhile', async () => {
    load(factoryOf())
    const answer = stall<Factory>()
    api.updateFactory = vi.fn(() => answer.promise)
    const outcome = tree.writes.update(factoryOf(), { name: 'B' })
    receive({ name: 'Theirs', revision: 2 })
    expect(row()?.factory.name).toBe('B')
    answer.reject(new NetworkError('The server could not be reached.'))
    expect(await outcome).toMatchObject({ kind: 'refused' })
    expect(row()?.factory.name).toBe('Theirs')
  })

  it('for a new factory shows how many numbers are awaited', async () => {
    load()
    const answer = stall<Factory>()
    api.createFactory = vi.fn(() => answer.promise)
    const outcome = tree.writes.create('a', { name: 'A', lower: 1, upper: 9, count: 3 })
    expect(row()).toMatchObject({ pending: 'creating', awaited: 3 })
    answer.resolve(factoryOf())
    await outcome
    expect(row()).toEqual({ factory: factoryOf() })
  })

  it('to remove hides the row, and a refusal brings it back', async () => {
    load(factoryOf())
    api.removeFactory = vi.fn().mockRejectedValue(new ProblemError(503, '', 'unavailable'))
    const outcome = tree.writes.remove(factoryOf())
    expect(row()).toBeUndefined()
    expect(await outcome).toMatchObject({ kind: 'refused' })
    expect(row()).toEqual({ factory: factoryOf() })
  })

  it('to undo a removal shows the same factory again', async () => {
    load(factoryOf())
    api.removeFactory = vi.fn().mockResolvedValue(undefined)
    await tree.writes.remove(factoryOf())
    receive({ revision: 1 })
    expect(row()).toBeUndefined()
    api.restoreFactory = vi.fn().mockResolvedValue(factoryOf({ revision: 3 }))
    const outcome = tree.writes.restore(factoryOf())
    expect(row()).toMatchObject({ pending: 'restoring', factory: { numbers: [3] } })
    await outcome
    expect(row()).toEqual({ factory: factoryOf({ revision: 3 }) })
  })
})

describe('somebody else was quicker', () => {
  it('with the same field: the person is told, and nothing is overwritten', async () => {
    load(factoryOf())
    api.updateFactory = vi.fn().mockRejectedValue(mismatch({ name: 'Theirs', revision: 2 }))
    const outcome = await tree.writes.update(factoryOf(), { name: 'Mine' })
    expect(outcome).toMatchObject({ kind: 'conflict', theirs: { name: 'Theirs' } })
    expect(api.updateFactory).toHaveBeenCalledTimes(1)
    expect(row()?.factory.name).toBe('Theirs')
  })

  it('and this page knew already: the old revision is sent all the same, so that it is refused', async () => {
    load(factoryOf())
    receive({ name: 'Theirs', revision: 2 })
    api.updateFactory = vi.fn().mockRejectedValue(mismatch({ name: 'Theirs', revision: 2 }))
    const outcome = await tree.writes.update(factoryOf(), { name: 'Mine' })
    expect(api.updateFactory).toHaveBeenCalledWith('a', 1, { name: 'Mine' })
    expect(outcome.kind).toBe('conflict')
  })

  it('with another field: both changes hold', async () => {
    load(factoryOf())
    api.updateFactory = vi
      .fn()
      .mockRejectedValueOnce(mismatch({ numbers: [7], revision: 2 }))
      .mockResolvedValueOnce(factoryOf({ name: 'Mine', numbers: [7], revision: 3 }))
    expect(await tree.writes.update(factoryOf(), { name: 'Mine' })).toEqual({ kind: 'saved' })
    expect(api.updateFactory).toHaveBeenLastCalledWith('a', 2, { name: 'Mine' })
  })

  it('with the very same wish: that is no conflict', async () => {
    load(factoryOf())
    api.updateFactory = vi.fn().mockRejectedValue(mismatch({ name: 'Mine', revision: 2 }))
    expect(await tree.writes.update(factoryOf(), { name: 'Mine' })).toEqual({ kind: 'saved' })
  })

  it('with new numbers: generating over them is asked first', async () => {
    load(factoryOf())
    api.generateNumbers = vi.fn().mockRejectedValue(mismatch({ numbers: [7], revision: 2 }))
    expect((await tree.writes.generate(factoryOf(), 3)).kind).toBe('conflict')
    expect(row()?.factory.numbers).toEqual([7])
  })

  it('with anything: removing is asked first', async () => {
    load(factoryOf())
    api.removeFactory = vi.fn().mockRejectedValue(mismatch({ name: 'Theirs', revision: 2 }))
    expect((await tree.writes.remove(factoryOf())).kind).toBe('conflict')
    expect(row()?.factory.name).toBe('Theirs')
  })
})

describe('two wishes for one factory', () => {
  it('are sent one after the other, the second on top of the first', async () => {
    load(factoryOf())
    const first = stall<Factory>()
    api.generateNumbers = vi
      .fn()
      .mockReturnValueOnce(first.promise)
      .mockResolvedValueOnce(factoryOf({ numbers: [6], revision: 3 }))
    void tree.writes.generate(factoryOf(), 1)
    const second = tree.writes.generate(factoryOf(), 1)
    await vi.advanceTimersByTimeAsync(0)
    expect(api.generateNumbers).toHaveBeenCalledTimes(1)
    first.resolve(factoryOf({ numbers: [5], revision: 2 }))
    expect(await second).toEqual({ kind: 'saved' })
    expect(api.generateNumbers).toHaveBeenLastCalledWith('a', 2, 1)
    expect(row()).toEqual({ factory: factoryOf({ numbers: [6], revision: 3 }) })
  })

  it('do not wait for those of another factory', async () => {
    load(factoryOf(), factoryOf({ id: 'b' }))
    api.updateFactory = vi.fn(() => stall<Factory>().promise)
    void tree.writes.update(factoryOf(), { name: 'x' })
    void tree.writes.update(factoryOf({ id: 'b' }), { name: 'x' })
    await vi.advanceTimersByTimeAsync(0)
    expect(api.updateFactory).toHaveBeenCalledTimes(2)
  })
})

describe('changes of others', () => {
  it('are told, except those of the first snapshot', () => {
    load(factoryOf())
    expect(onRemoteChanges).not.toHaveBeenCalled()
    receive({ name: 'B', revision: 2 })
    const change = { id: 'a', before: factoryOf(), after: factoryOf({ name: 'B', revision: 2 }) }
    expect(onRemoteChanges).toHaveBeenCalledWith([change])
  })

  it('are not told when they are the echo of a write of our own', async () => {
    load(factoryOf())
    const answer = stall<Factory>()
    api.updateFactory = vi.fn(() => answer.promise)
    const outcome = tree.writes.update(factoryOf(), { name: 'B' })
    receive({ name: 'B', revision: 2 })
    answer.resolve(factoryOf({ name: 'B', revision: 2 }))
    await outcome
    receive({ name: 'B', revision: 2 })
    expect(onRemoteChanges.mock.calls.flat(2)).toEqual([])
  })
})

describe('a write that the channel does not tell of', () => {
  it('makes the channel suspect after five seconds', async () => {
    load(factoryOf())
    api.updateFactory = vi.fn().mockResolvedValue(factoryOf({ name: 'B', revision: 2 }))
    await tree.writes.update(factoryOf(), { name: 'B' })
    await vi.advanceTimersByTimeAsync(5_000)
    expect(onOverdue).toHaveBeenCalledTimes(1)
  })

  it('is no worry once the channel told of it', async () => {
    load(factoryOf())
    api.updateFactory = vi.fn().mockResolvedValue(factoryOf({ name: 'B', revision: 2 }))
    await tree.writes.update(factoryOf(), { name: 'B' })
    receive({ name: 'B', revision: 2 })
    await vi.advanceTimersByTimeAsync(5_000)
    expect(onOverdue).not.toHaveBeenCalled()
  })

  it.each([
    [factoryOf(), true],
    [undefined, false],
  ])('and that a snapshot lacks is looked up: found %o', async (found, isThere) => {
    load()
    api.createFactory = vi.fn().mockResolvedValue(factoryOf())
    await tree.writes.create('a', { name: 'A', lower: 1, upper: 9, count: 1 })
    api.findFactory = vi.fn().mockResolvedValue(found)
    load()
    await vi.advanceTimersByTimeAsync(0)
    expect(tree.rows.value.has('a')).toBe(isThere)
  })
})
