import { expect, it } from 'vitest'

import { BAKERY, MILL, PageUnderTest, SMITHY } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

function creationField(index: number): HTMLInputElement | undefined {
  return page.view.findAll<HTMLInputElement>('.creation form input')[index]?.element
}
async function create(name: string): Promise<void> {
  await page.view.get('.creation input').setValue(name)
  await page.view.get('.creation form').trigger('submit')
  await page.draw()
}
function editorTexts(): string[] {
  return page.view
    .findAll<HTMLInputElement>('.editor input[type=text]')
    .map(({ element }) => element.value)
}

it('what is typed for a new factory is there again after a reload', async () => {
  await page.load(MILL)
  await page.view.findAll('.creation form input')[0]?.setValue('Typed')
  await page.view.findAll('.creation form input')[2]?.setValue('7x')
  await page.reload(MILL)
  expect([0, 1, 2, 3].map((index) => creationField(index)?.value)).toEqual([
    'Typed',
    '1',
    '7x',
    '5',
  ])
})

it('a new name that is typed is there again after a reload, in its row', async () => {
  await page.load(MILL, SMITHY)
  await page.focus('mill')
  await page.press('F2')
  await page.view.get('.editor input').setValue('Typed')
  await page.reload(MILL, SMITHY)
  expect(editorTexts()).toEqual(['Typed'])
  page.answer(200, { ...MILL, name: 'Typed', revision: 2 })
  await page.view.get('.editor').trigger('submit')
  await page.draw()
  await page.reload({ ...MILL, name: 'Typed', revision: 2 }, SMITHY)
  expect(editorTexts()).toEqual([])
})

it('what was sent is not typed: after a reload the form is as at first', async () => {
  await page.load(MILL)
  await page.view.findAll('.creation form input')[3]?.setValue('3')
  page.answer(201, { ...BAKERY, name: 'Barn' })
  await create('Barn')
  await page.reload(MILL)
  expect([0, 3].map((index) => creationField(index)?.value)).toEqual(['', '5'])
})

it('an editor in which nothing was typed is gone after a reload', async () => {
  await page.load(MILL)
  await page.focus('mill')
  await page.press('F2')
  await page.reload(MILL)
  expect(editorTexts()).toEqual([])
})

it('what was typed for a factory that is gone after a reload stays as an orphan', async () => {
  await page.load(MILL, SMITHY)
  await page.view.findAll('[title="Change bounds"]')[0]?.trigger('click')
  await page.draw()
  await page.view.findAll('.editor input')[1]?.setValue('50')
  await page.reload(SMITHY)
  expect(editorTexts()).toEqual(['1', '50'])
  expect(page.view.get('[role=alert]').text()).toContain('Somebody removed “Mill”')
  await page.button('Discard').trigger('click')
  await page.reload(SMITHY)
  expect(editorTexts()).toEqual([])
})

it('what was typed in a factory that this page removed comes back with the undo, and not with a reload', async () => {
  await page.load(MILL, SMITHY)
  await page.focus('mill')
  await page.press('F2')
  await page.view.get('.editor input').setValue('Typed')
  page.answer(204)
  await page.view.get('[title="Remove (Delete)"]').trigger('click')
  await page.draw()
  expect(sessionStorage.getItem('factory-tree editors') ?? '').not.toContain('Typed')
  page.answer(200, { ...MILL, revision: 3 })
  await page.view.get('.toast button').trigger('click')
  await page.draw()
  expect(editorTexts()).toEqual(['Typed'])
})

it('a save that is under way during a reload is open again, unless it was granted', async () => {
  await page.load(MILL, SMITHY)
  await page.focus('mill')
  await page.press('F2')
  page.request.mockReturnValueOnce(new Promise(() => {}))
  await page.save('Typed')
  await page.reload(MILL, SMITHY)
  expect(editorTexts()).toEqual(['Typed'])

  page.request.mockReturnValueOnce(new Promise(() => {}))
  await page.view.get('.editor').trigger('submit')
  await page.reload({ ...MILL, name: 'Typed', revision: 2 }, SMITHY)
  expect(editorTexts()).toEqual([])
})

it('a creation that failed is there again after a reload, and is asked for by the same id', async () => {
  await page.load(MILL)
  page.answer(409, { detail: 'the tree is full' })
  await create('Barn')
  const first = String(page.request.mock.lastCall?.[1]?.body)
  await page.reload(MILL)
  expect(page.view.get('.failure').text()).toContain(
    '“Barn” (1 to 100, 5 numbers) could not be created. the tree is full',
  )
  page.answer(201, { ...BAKERY, name: 'Barn' })
  await page.button('Try again').trigger('click')
  await page.draw()
  expect(String(page.request.mock.lastCall?.[1]?.body)).toBe(first)
  await page.reload(MILL)
  expect(page.view.find('.failure').exists()).toBe(false)
})

it('a creation that is under way during a reload is not called failed, and not made twice', async () => {
  await page.load(MILL)
  page.request.mockReturnValueOnce(new Promise(() => {}))
  await create('Barn')
  const { id } = JSON.parse(String(page.request.mock.lastCall?.[1]?.body)) as { id: string }
  await page.reload(MILL)
  expect(page.view.get('.failure').text()).not.toContain('could not be created')
  expect(page.view.get('.failure').text()).toContain('Nobody knows yet whether “Barn”')
  await page.reload(MILL, { ...BAKERY, id, name: 'Barn' })
  expect(page.view.find('.failure').exists()).toBe(false)
})

it('a failed creation that is taken back into the form drives nothing out of it', async () => {
  await page.load(MILL)
  page.answer(409, { detail: 'no' })
  await create('Barn')
  await page.view.get('.creation input').setValue('Half typed')
  await page.button('Edit').trigger('click')
  await page.draw()
  expect(creationField(0)?.value).toBe('Barn')
  expect(page.view.get('.failure').text()).toContain('“Half typed”')
})

it('a failed creation of one number says so, and is gone once its person discards it', async () => {
  await page.load(MILL)
  await page.view.findAll('.creation form input')[3]?.setValue('1')
  page.answer(409, { detail: 'no' })
  await create('Barn')
  expect(page.view.get('.failure').text()).toContain('“Barn” (1 to 100, 1 number)')
  await page.button('Discard').trigger('click')
  await page.reload(MILL)
  expect(page.view.find('.failure').exists()).toBe(false)
})

it('storage that cannot be read or written is no reason to fail', async () => {
  sessionStorage.setItem('factory-tree editors', '{')
  sessionStorage.setItem('factory-tree creations', '{"draft":7,"failures":[{}]}')
  await page.reload(MILL)
  expect(page.item('mill').text()).toContain('Mill')
})
