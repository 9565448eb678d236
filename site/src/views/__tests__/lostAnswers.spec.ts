import { beforeEach, expect, it, vi } from 'vitest'

import { MILL, PageUnderTest, SMITHY } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

function loseAnswer(): void {
  page.request.mockRejectedValueOnce(new TypeError('network'))
}
/** The next request waits for the test to lose its answer. */
function stallAnswer(): () => void {
  let lose: (error: Error) => void = () => {}
  page.request.mockReturnValueOnce(new Promise((_, reject) => (lose = reject)))
  return () => lose(new TypeError('network'))
}
async function newsText(): Promise<string> {
  await vi.advanceTimersByTimeAsync(1_500)
  return page.view.get('[aria-live]').text()
}
async function pressUndo(): Promise<void> {
  window.dispatchEvent(new KeyboardEvent('keydown', { key: 'z', ctrlKey: true }))
  await page.draw()
}

beforeEach(() => page.load(MILL, SMITHY))

it('a removal whose answer was lost can be undone once the channel tells of it', async () => {
  loseAnswer()
  await page.focus('mill')
  await page.press('Delete')
  expect(page.item('mill').text()).toContain('could not be reached')
  await page.receive({ type: 'removed', id: 'mill', revision: 2 })
  expect(page.view.text()).toContain('Removed “Mill”.')
  expect(page.view.get('.toast button').text()).toContain('Undo')
  expect(await newsText()).not.toContain('was removed')
})

it('a removal of which the channel tells before its answer is lost can be undone', async () => {
  const lose = stallAnswer()
  await page.focus('mill')
  await page.press('Delete')
  await page.receive({ type: 'removed', id: 'mill', revision: 2 })
  lose()
  await page.draw()
  expect(page.view.text()).toContain('Removed “Mill”.')
  expect(page.view.get('.toast button').text()).toContain('Undo')
})

async function removeMill(): Promise<void> {
  page.answer(204)
  await page.focus('mill')
  await page.press('Delete')
}

it('an undo that failed can be tried again', async () => {
  await removeMill()
  loseAnswer()
  await pressUndo()
  expect(page.view.text()).toContain('“Mill” could not be restored')
  page.answer(200, { ...MILL, revision: 3 })
  expect(page.view.get('.toast button').text()).toContain('Try again')
  await page.view.get('.toast button').trigger('click')
  await page.draw()
  expect(page.item('mill').text()).toContain('Mill')
  expect(page.view.text()).not.toContain('could not be restored')
})

it('an undo whose answer was lost is not called failed when it worked', async () => {
  await removeMill()
  loseAnswer()
  await pressUndo()
  await page.receive({ type: 'changed', factory: { ...MILL, revision: 3 } })
  expect(page.view.text()).not.toContain('could not be restored')
  expect(await newsText()).toBe('Restored Mill.')
  expect(page.view.find('.recent').exists()).toBe(false)
})

it('an undo of which the channel tells before its answer is lost has worked', async () => {
  await removeMill()
  const lose = stallAnswer()
  await pressUndo()
  await page.receive({ type: 'changed', factory: { ...MILL, revision: 3 } })
  lose()
  await page.draw()
  expect(page.view.text()).not.toContain('could not be restored')
  expect(page.item('mill').text()).toContain('Mill')
})

it('a save of ours that the channel tells of after its answer was lost is not blamed on others', async () => {
  loseAnswer()
  await page.focus('mill')
  await page.press('F2')
  await page.save('Typed')
  expect(page.view.text()).toContain('could not be reached')
  await page.receive({ type: 'changed', factory: { ...MILL, name: 'Typed', revision: 2 } })
  expect(page.view.find('.editor').exists()).toBe(false)
  expect(page.view.text()).not.toContain('Somebody else')
  expect(page.view.find('.recent').exists()).toBe(false)
  expect(await newsText()).toBe('Saved: Mill is now called Typed.')
})

it('a save of ours that the channel tells of before its answer is lost is saved', async () => {
  const lose = stallAnswer()
  await page.focus('mill')
  await page.press('F2')
  await page.save('Typed')
  await page.receive({ type: 'changed', factory: { ...MILL, name: 'Typed', revision: 2 } })
  lose()
  await page.draw()
  expect(page.view.find('.editor').exists()).toBe(false)
})

async function generate(count: string): Promise<void> {
  await page.view.findAll('[title="Generate numbers"]')[0]?.trigger('click')
  await page.draw()
  await page.save(count)
}

it('numbers of ours whose answer came late are not blamed on others', async () => {
  loseAnswer()
  await generate('2')
  const generated = { ...MILL, numbers: [4, 5], revision: 2 }
  page.answer(412, { factory: generated })
  await page.view.get('.editor').trigger('submit')
  await page.draw()
  expect(page.view.text()).not.toContain('Somebody else')
  expect(page.view.find('.editor').exists()).toBe(false)
  await page.expandAll()
  expect(page.item('mill/1').text()).toBe('5')
})

it('a creation whose answer was lost is ours when the channel tells of it', async () => {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    loseAnswer()
  }
  await page.view.get('.creation input').setValue('Barn')
  await page.view.get('.creation form').trigger('submit')
  await vi.advanceTimersByTimeAsync(5_000)
  expect(page.view.get('.failure').text()).toContain('Nobody knows yet whether “Barn”')
  const { id } = JSON.parse(String(page.request.mock.lastCall?.[1]?.body)) as { id: string }
  await page.receive({ type: 'changed', factory: { ...MILL, id, name: 'Barn' } })
  expect(page.view.find('.failure').exists()).toBe(false)
  expect(page.view.find('.recent').exists()).toBe(false)
  expect(await newsText()).toBe('Created Barn.')
})

it('a double click on Create is one creation and no error', async () => {
  page.answer(201, { ...MILL, id: 'barn', name: 'Barn' })
  await page.view.get('.creation input').setValue('Barn')
  await page.view.get('.creation form').trigger('submit')
  await page.view.get('.creation form').trigger('submit')
  await page.draw()
  expect(page.request).toHaveBeenCalledTimes(1)
  expect(page.view.get('.creation').text()).not.toContain('Name is empty')
})
