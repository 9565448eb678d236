import { beforeEach, describe, expect, it, vi } from 'vitest'

import { factoryOf } from '@/api/__tests__/fakeSocket'

import type { FactoryWrites, WriteOutcome } from '../factoryWrites'
import { useEditors } from '../useEditors'

const writes = {
  update: vi.fn<FactoryWrites['update']>(),
  generate: vi.fn<FactoryWrites['generate']>(),
  remove: vi.fn<FactoryWrites['remove']>(),
}
const onSaved = vi.fn()
const onLost = vi.fn()
let editors: ReturnType<typeof useEditors>

beforeEach(() => {
  vi.resetAllMocks()
  sessionStorage.clear()
  editors = useEditors(writes as unknown as FactoryWrites, { onSaved, onLost })
})

function openName(text: string) {
  const editor = editors.open('name', factoryOf())
  editors.fill(editor, 'name', text)
  return editor
}
function answer(outcome: WriteOutcome): void {
  writes.update.mockResolvedValueOnce(outcome)
}
const settled = () => new Promise((resolve) => setTimeout(resolve))

it('an editor starts with what the factory holds', () => {
  const factory = factoryOf({ lower: -5, upper: 5, numbers: [] })
  expect(editors.open('bounds', factory).draft).toEqual({
    name: 'Factory a',
    lower: '-5',
    upper: '5',
    count: '5',
  })
})

it('opening an open editor keeps what was typed', () => {
  openName('typed')
  expect(editors.open('name', factoryOf({ name: 'B', revision: 2 })).draft.name).toBe('typed')
})

it('what breaks a rule is not sent', () => {
  const editor = openName(' ')
  expect(editors.save(editor)).toBe(false)
  expect(editor.errors.name).toContain('Name is empty')
  expect(writes.update).not.toHaveBeenCalled()
})

it('what is unchanged is not sent either, and the editor closes', () => {
  expect(editors.save(openName(' Factory a '))).toBe(true)
  expect(writes.update).not.toHaveBeenCalled()
  expect(editors.find('name', 'a')).toBeUndefined()
})

it('while it is saved an editor is out of sight; then it is gone', async () => {
  answer({ kind: 'saved' })
  editors.save(openName('B'))
  expect(editors.find('name', 'a')).toBeUndefined()
  expect(editors.ofFactory('a')).toEqual([])
  expect(onSaved).not.toHaveBeenCalled()
  await settled()
  expect(editors.ofFactory('a')).toEqual([])
  expect(onSaved).toHaveBeenCalledTimes(1)
})

describe('after a failure', () => {
  it('what was typed is there again, with the reason', async () => {
    answer({ kind: 'refused', reason: 'no answer' })
    editors.save(openName('B'))
    await settled()
    expect(editors.find('name', 'a')).toMatchObject({ draft: { name: 'B' }, reason: 'no answer' })
  })

  it('the reason stands at the field that is to blame', async () => {
    answer({ kind: 'refused', reason: 'too long', field: 'name' })
    editors.save(openName('B'))
    await settled()
    expect(editors.find('name', 'a')?.errors).toEqual({ name: 'too long' })
  })

  it('an editor opened anew is left alone, and the reason is told elsewhere', async () => {
    answer({ kind: 'refused', reason: 'no answer' })
    editors.save(openName('B'))
    openName('C')
    await settled()
    expect(editors.find('name', 'a')).toMatchObject({ draft: { name: 'C' }, reason: '' })
    expect(onLost).toHaveBeenCalledWith('no answer')
  })
})

describe('a conflict', () => {
  const theirs = factoryOf({ name: 'Theirs', revision: 2 })

  async function meet() {
    answer({ kind: 'conflict', theirs })
    const editor = openName('Mine')
    editors.save(editor)
    await settled()
    return editor
  }

  it('shows theirs and keeps mine', async () => {
    const editor = await meet()
    expect(editors.find('name', 'a')).toMatchObject({ theirs, draft: { name: 'Mine' } })
    expect(editor.base).toEqual(factoryOf())
  })

  it('kept: mine is sent on top of theirs', async () => {
    const editor = await meet()
    answer({ kind: 'saved' })
    editors.keepMine(editor)
    expect(writes.update).toHaveBeenLastCalledWith(theirs, { name: 'Mine' })
    await settled()
    expect(editors.ofFactory('a')).toEqual([])
  })

  it('taken: nothing more is sent', async () => {
    editors.close(await meet())
    expect(writes.update).toHaveBeenCalledTimes(1)
  })
})

it('numbers are generated over those on the page at that moment', () => {
  writes.generate.mockResolvedValue({ kind: 'saved' })
  const editor = editors.open('numbers', factoryOf())
  editors.fill(editor, 'count', '0')
  const seen = factoryOf({ numbers: [8], revision: 4 })
  editors.save(editor, seen)
  expect(writes.generate).toHaveBeenCalledWith(seen, 0, false)
})

it('a name is changed against the factory as it was when the editor was opened', () => {
  answer({ kind: 'saved' })
  editors.save(openName('B'), factoryOf({ name: 'Theirs', revision: 4 }))
  expect(writes.update).toHaveBeenCalledWith(factoryOf(), { name: 'B' })
})
