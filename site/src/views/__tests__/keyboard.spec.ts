import { beforeEach, describe, expect, it, vi } from 'vitest'

import { BAKERY, MILL, PageUnderTest, SMITHY } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

describe('the keyboard', () => {
  beforeEach(async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.expandAll()
    await page.focus('root')
  })

  it('goes down and up through everything that is open', async () => {
    await page.press('ArrowDown', 'ArrowDown', 'ArrowDown')
    expect(page.focusedKey).toBe('mill/0')
    await page.press('ArrowUp')
    expect(page.focusedKey).toBe('mill')
    await page.press('End')
    expect(page.focusedKey).toBe('smithy/0')
    await page.press('Home')
    expect(page.focusedKey).toBe('root')
  })

  it('closes, leaves, opens and enters with left and right', async () => {
    await page.focus('mill/1')
    await page.press('ArrowLeft')
    expect(page.focusedKey).toBe('mill')
    await page.press('ArrowLeft')
    expect(page.item('mill').attributes('aria-expanded')).toBe('false')
    expect(page.view.find('[data-key="mill/0"]').exists()).toBe(false)
    await page.press('ArrowRight', 'ArrowRight')
    expect(page.focusedKey).toBe('mill/0')
    await page.press('ArrowLeft', 'ArrowLeft', 'ArrowLeft')
    expect(page.focusedKey).toBe('root')
  })

  it('finds by typing', async () => {
    await page.press('s')
    expect(page.focusedKey).toBe('smithy')
    vi.advanceTimersByTime(1_000)
    await page.press('m', 'i')
    expect(page.focusedKey).toBe('mill')
  })

  it('finds names of several words, and opens and closes the tree with Space', async () => {
    await page.receive({ type: 'changed', factory: { ...SMITHY, name: 'Mill two', revision: 2 } })
    await page.press('m', 'i', 'l', 'l', ' ', 't')
    expect(page.focusedKey).toBe('smithy')
    await page.press('Home')
    vi.setSystemTime(Date.now() + 1_000)
    await page.press(' ')
    expect(page.view.findAll('.row')).toHaveLength(0)
    await page.press(' ')
    expect(page.view.findAll('.row')).toHaveLength(3)
  })

  it('renames with F2 and Enter, and comes back to the row', async () => {
    await page.focus('mill')
    await page.press('F2')
    expect(document.activeElement?.tagName).toBe('INPUT')
    page.answer(200, { ...MILL, name: 'Mill 2', revision: 2 })
    await page.save('Mill 2')
    expect(page.focusedKey).toBe('mill')
    expect(page.item('mill').text()).toContain('Mill 2')
    await page.press('Enter')
    expect(document.activeElement?.tagName).toBe('INPUT')
  })

  it('gives up with Escape', async () => {
    await page.focus('mill')
    await page.press('F2', 'Escape')
    expect(page.view.find('.editor').exists()).toBe(false)
    expect(page.focusedKey).toBe('mill')
  })

  it('types letters into a field and not into the tree', async () => {
    await page.focus('mill')
    await page.press('F2', 's')
    expect(document.activeElement?.tagName).toBe('INPUT')
  })

  it('removes with Delete, goes on to the next row, and undoes with Control Z', async () => {
    page.answer(204)
    await page.focus('mill')
    await page.press('Delete')
    expect(page.view.find('[data-key="mill"]').exists()).toBe(false)
    expect(page.focusedKey).toBe('smithy')
    expect(page.view.text()).toContain('Removed “Mill”.')
    page.answer(200, { ...MILL, revision: 3 })
    window.dispatchEvent(new KeyboardEvent('keydown', { key: 'z', ctrlKey: true }))
    await page.draw()
    expect(page.focusedKey).toBe('mill')
    expect(page.request.mock.lastCall?.[0]).toBe('https://api.test/factories/mill/restore')
  })

  it('stays in the tree when somebody else removes the row that it is on', async () => {
    await page.focus('mill/1')
    await page.receive({ type: 'removed', id: 'mill', revision: 2 })
    expect(page.focusedKey).toBe('smithy')
  })

  it('stays on the factory when somebody else replaces the number that it is on', async () => {
    await page.focus('mill/2')
    await page.receive({ type: 'changed', factory: { ...MILL, numbers: [1], revision: 2 } })
    expect(page.focusedKey).toBe('mill')
  })

  it('stays on the row that a new name moves', async () => {
    await page.focus('mill')
    await page.receive({ type: 'changed', factory: { ...MILL, name: 'Abbey', revision: 2 } })
    expect(page.focusedKey).toBe('mill')
    expect(page.item('mill').attributes('aria-posinset')).toBe('1')
  })
})
