import { beforeEach, describe, expect, it, vi } from 'vitest'

import { BAKERY, MILL, PageUnderTest, SMITHY } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

function field(): HTMLInputElement {
  return page.view.get<HTMLInputElement>('.editor input').element
}

describe('a factory that somebody removes while its new name is typed', () => {
  beforeEach(async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.focus('mill')
    await page.press('F2')
    await page.view.get('.editor input').setValue('Typed')
    await page.receive({ type: 'removed', id: 'mill', revision: 2 })
  })

  it('stays on the page, and the keyboard stays in the field: no key reaches another factory', async () => {
    expect(document.activeElement).toBe(field())
    await page.press('Delete')
    expect(page.request).not.toHaveBeenCalled()
    expect(document.activeElement).toBe(field())
    expect(field().value).toBe('Typed')
    expect(page.view.get('[role=alert]').text()).toContain('Somebody removed “Mill”')
    expect(page.view.get('.head .count').text()).toBe('2 factories')
  })

  it('is restored by a button, and what was typed is still there to be saved', async () => {
    page.answer(200, { ...MILL, revision: 3 })
    await page.button('Restore').trigger('click')
    await page.draw()
    expect(page.request.mock.lastCall?.[0]).toBe('https://api.test/factories/mill/restore')
    expect(document.activeElement).toBe(field())
    page.answer(200, { ...MILL, name: 'Typed', revision: 4 })
    await page.view.get('.editor').trigger('submit')
    await page.draw()
    expect(page.item('mill').text()).toContain('Typed')
    expect(page.view.text()).not.toContain('Somebody removed')
  })

  it('is restored by Enter, too: nothing is sent to a factory that is not there', async () => {
    page.answer(200, { ...MILL, revision: 3 })
    await page.view.get('.editor').trigger('submit')
    await page.draw()
    expect(page.request.mock.calls.map(([url]) => url)).toEqual([
      'https://api.test/factories/mill/restore',
    ])
    expect(field().value).toBe('Typed')
  })

  it('stays an orphan when it cannot be restored, and can be tried again', async () => {
    page.answer(404, { detail: 'it is gone for good' })
    page.answer(404, { detail: 'it is gone for good' })
    await page.button('Restore').trigger('click')
    await page.draw()
    expect(page.view.get('[role=alert]').text()).toContain('Somebody removed “Mill”')
    expect(page.view.text()).toContain('it is gone for good')
    expect(page.button('Restore').exists()).toBe(true)
    expect(field().value).toBe('Typed')
  })

  it('hands its text out', async () => {
    const writeText = vi.fn().mockResolvedValue(undefined)
    vi.stubGlobal('navigator', { onLine: true, clipboard: { writeText } })
    await page.button('Copy text').trigger('click')
    await page.draw()
    expect(writeText).toHaveBeenCalledWith('Typed')
    expect(page.view.get('[aria-live]').text()).toBe('Copied “Typed”.')
    vi.unstubAllGlobals()
  })

  it('goes when its person discards it', async () => {
    await page.button('Discard').trigger('click')
    await page.draw()
    expect(page.view.find('[data-key="mill"]').exists()).toBe(false)
    expect(page.view.find('.editor').exists()).toBe(false)
    expect(page.focusedKey).toBe('smithy')
  })

  it('takes no key of the tree for an order', async () => {
    await page.focus('mill')
    await page.press('Delete', 'F2')
    expect(page.request).not.toHaveBeenCalled()
    expect(field().value).toBe('Typed')
    await page.press('ArrowDown')
    expect(page.focusedKey).toBe('smithy')
  })

  it('is given up with Escape, and the keyboard goes to what is near', async () => {
    await page.press('Escape')
    await page.draw()
    expect(page.view.find('[data-key="mill"]').exists()).toBe(false)
    expect(page.focusedKey).toBe('smithy')
  })
})

it('a factory that its own editor removes is no orphan', async () => {
  await page.load(MILL, SMITHY)
  await page.focus('mill')
  await page.press('F2')
  await page.view.get('.editor input').setValue('Typed')
  page.answer(204)
  await page.view.get('[title="Remove (Delete)"]').trigger('click')
  await page.draw()
  expect(page.view.find('[data-key="mill"]').exists()).toBe(false)
  expect(page.view.text()).not.toContain('Somebody removed')
})

it('a save that finds its factory gone leaves an orphan with its text', async () => {
  await page.load(MILL, SMITHY)
  await page.focus('mill')
  await page.press('F2')
  let refuse: (response: Response) => void = () => {}
  page.request.mockReturnValueOnce(new Promise((resolve) => (refuse = resolve)))
  await page.save('Typed')
  await page.receive({ type: 'removed', id: 'mill', revision: 2 })
  refuse(new Response(JSON.stringify({ detail: 'no such factory' }), { status: 404 }))
  await page.draw()
  expect(field().value).toBe('Typed')
  expect(page.view.get('[role=alert]').text()).toContain('Somebody removed “Mill”')
})

describe('a row that is edited', () => {
  beforeEach(async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.focus('mill')
    await page.press('F2')
    await page.receive({ type: 'changed', factory: { ...MILL, name: 'Zoo', revision: 2 } })
  })

  it('keeps its place, whatever it is renamed to elsewhere', () => {
    expect(page.item('mill').attributes('aria-posinset')).toBe('2')
    expect(document.activeElement).toBe(field())
  })

  it('goes to its new place once nobody edits it any more', async () => {
    await page.press('Escape')
    await page.draw()
    expect(page.item('mill').attributes('aria-posinset')).toBe('3')
    expect(page.focusedKey).toBe('mill')
  })
})
