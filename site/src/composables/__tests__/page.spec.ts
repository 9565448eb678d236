import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, shallowRef } from 'vue'

import { factoryOf } from '@/api/__tests__/fakeSocket'

import type { FactoryWrites, WriteOutcome } from '../factoryWrites'
import type { FactoryRow } from '../pendingWrites'
import { digest } from '../useAnnouncements'
import { useCreation } from '../useCreation'
import { TOAST_MS, useToasts } from '../useToasts'
import { nearestKey, ROOT_KEY } from '../useTreeFocus'

beforeEach(() => {
  vi.useFakeTimers()
  sessionStorage.clear()
})
afterEach(() => void vi.useRealTimers())

describe('a toast', () => {
  it('goes away by itself', () => {
    const { toasts, show } = useToasts()
    show('Removed.')
    vi.advanceTimersByTime(TOAST_MS)
    expect(toasts.value).toEqual([])
  })

  it('stays while somebody reaches for it', () => {
    const { toasts, show, hold, release } = useToasts()
    show('Removed.')
    hold()
    vi.advanceTimersByTime(TOAST_MS * 2)
    expect(toasts.value).toHaveLength(1)
    release()
    vi.advanceTimersByTime(TOAST_MS)
    expect(toasts.value).toEqual([])
  })

  it('that was used while held does not hold the next one', () => {
    const { toasts, show, hold, actOnNewest } = useToasts()
    show('Removed.', { label: 'Undo', run: () => {} })
    hold()
    actOnNewest()
    show('Removed.')
    vi.advanceTimersByTime(TOAST_MS)
    expect(toasts.value).toEqual([])
  })

  it('undoes the newest removal, once', () => {
    const run = vi.fn()
    const { show, actOnNewest } = useToasts()
    show('first', { label: 'Undo', run: () => run('first') })
    show('second', { label: 'Undo', run: () => run('second') })
    show('only text')
    expect([actOnNewest(), actOnNewest(), actOnNewest()]).toEqual([true, true, false])
    expect(run.mock.calls).toEqual([['second'], ['first']])
  })
})

describe('the digest of what others did', () => {
  const mill = factoryOf({ name: 'Mill' })

  it('names what happened to each of a few', () => {
    expect(
      digest([
        { id: 'a', before: mill, after: { ...mill, name: 'Bakery' } },
        { id: 'b', before: undefined, after: factoryOf({ id: 'b' }) },
        { id: 'c', before: factoryOf({ id: 'c' }), after: undefined },
      ]),
    ).toBe('Mill is now called Bakery. Factory b is new. Factory c was removed.')
  })

  it('says nothing of what was made and removed, or changed and changed back, in between', () => {
    const between = factoryOf({ id: 'b' })
    expect(
      digest([
        { id: 'b', before: undefined, after: between },
        { id: 'b', before: between, after: undefined },
        { id: 'a', before: mill, after: { ...mill, name: 'Bakery', revision: 2 } },
        {
          id: 'a',
          before: { ...mill, name: 'Bakery', revision: 2 },
          after: { ...mill, revision: 3 },
        },
      ]),
    ).toBe('')
  })

  it('counts many', () => {
    const changes = Array.from({ length: 5 }, (_, index) => ({
      id: String(index),
      before: undefined,
      after: mill,
    }))
    expect(digest(changes)).toBe('5 factories changed elsewhere: 5 new, 0 removed.')
  })

  it('tells the many changes of one factory as one', () => {
    const steps = [1, 2, 3, 4, 5].map((upper) => ({ ...mill, upper }))
    const changes = steps.map((after, index) => ({
      id: 'a',
      before: steps[index - 1] ?? mill,
      after,
    }))
    expect(digest(changes)).toBe('Mill now draws from 1 to 5.')
  })
})

describe('the keyboard in a tree that others change', () => {
  const all = ['a', 'b', 'c'].map((id) => ({ factory: factoryOf({ id, numbers: [1, 2] }) }))
  const without = (...ids: string[]) =>
    new Map(
      all
        .filter(({ factory }) => !ids.includes(factory.id))
        .map((row) => [row.factory.id, row] as const),
    )

  it.each([
    ['b', [], 'b'],
    ['b', ['b'], 'c'],
    ['b/1', ['b', 'c'], 'a'],
    ['b', ['a', 'b', 'c'], ROOT_KEY],
    ['b/1', [], 'b/1'],
    ['b/2', [], 'b'],
  ])('was on %s; %j went away; is now on %s', (key, gone, expected) => {
    const left = without(...gone)
    expect(nearestKey(key, (id) => left.get(id), all)).toBe(expected)
  })
})

describe('the form for a new factory', () => {
  const create = vi.fn<FactoryWrites['create']>()
  const onCreated = vi.fn()
  const refused: WriteOutcome = { kind: 'refused', reason: 'no answer' }
  const rows = shallowRef<ReadonlyMap<string, FactoryRow>>(new Map())
  let form: ReturnType<typeof useCreation>

  beforeEach(() => {
    vi.resetAllMocks()
    rows.value = new Map()
    form = useCreation({ writes: { create } as unknown as FactoryWrites, rows }, onCreated)
  })
  async function ask(name: string): Promise<void> {
    form.draft.name = name
    form.create()
    await vi.advanceTimersByTimeAsync(0)
  }

  it('is free for the next one at once', () => {
    create.mockReturnValue(new Promise(() => {}))
    form.draft.name = 'Mill'
    expect(form.create()).toBe(true)
    expect(form.draft.name).toBe('')
    form.draft.name = 'Mill'
    form.create()
    const [one, other] = create.mock.calls.map(([id]) => id)
    expect(one).not.toBe(other)
  })

  it('keeps all that was typed when it is refused, and says why', async () => {
    create.mockResolvedValue(refused)
    await ask('Mill')
    const values = { name: 'Mill', lower: 1, upper: 100, count: 5 }
    expect(form.failures.value).toMatchObject([{ values, reason: 'no answer' }])
  })

  it('asks again with the same id', async () => {
    create.mockResolvedValueOnce(refused).mockResolvedValueOnce({ kind: 'saved' })
    await ask('Mill')
    const [failure] = form.failures.value
    if (failure) {
      form.retry(failure)
    }
    await vi.advanceTimersByTimeAsync(0)
    expect(create.mock.calls[1]).toEqual(create.mock.calls[0])
    expect(form.failures.value).toEqual([])
    expect(onCreated).toHaveBeenCalledWith('Mill')
  })

  it('forgets a failure when the factory is there after all', async () => {
    create.mockResolvedValue(refused)
    await ask('Mill')
    const [id = ''] = create.mock.calls[0] ?? []
    rows.value = new Map([[id, { factory: factoryOf({ id }) }]])
    await nextTick()
    expect(form.failures.value).toEqual([])
    expect(onCreated).toHaveBeenCalledWith('Mill')
  })

  it('takes a refused one back to be changed', async () => {
    create.mockResolvedValue(refused)
    form.draft.count = '15'
    await ask('Mill')
    form.draft.count = '0'
    const [failure] = form.failures.value
    if (failure) {
      form.edit(failure)
    }
    expect(form.draft).toEqual({ name: 'Mill', lower: '1', upper: '100', count: '15' })
    expect(form.failures.value).toEqual([])
  })

  it('takes a complaint back as soon as it no longer holds, and makes a new one in a pause', () => {
    vi.useFakeTimers()
    form.draft.count = '16'
    expect(form.create()).toBe(false)
    expect(Object.keys(form.errors.value)).toEqual(['name', 'count'])
    form.draft.count = '15'
    form.draft.lower = 'x'
    form.draft.upper = '-'
    form.check()
    expect(Object.keys(form.errors.value)).toEqual(['name'])
    vi.advanceTimersByTime(500)
    expect(Object.keys(form.errors.value)).toEqual(['name', 'lower'])
    vi.useRealTimers()
  })
})
