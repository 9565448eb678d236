import { describe, expect, it, vi } from 'vitest'

import { factoryOf, FakeSocket } from '@/api/__tests__/fakeSocket'

import { BAKERY, MILL, PageUnderTest, SMITHY } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

function shownNames(): string[] {
  return page.view.findAll('.title').map((title) => title.text())
}
async function filter(text: string): Promise<void> {
  await page.view.get('input[type=search]').setValue(text)
  await page.draw()
}
async function press(key: string, keys: KeyboardEventInit = {}): Promise<void> {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...keys })
  document.activeElement?.dispatchEvent(event)
  await page.draw()
}

describe('of thousands of factories', () => {
  const many = Array.from({ length: 5_000 }, (_, index) =>
    factoryOf({ id: `f${index}`, name: `Factory ${index}`, numbers: [1, 2] }),
  )

  it('those near the window are drawn, and each tells its place among all', async () => {
    await page.load(...many)
    expect(page.view.findAll('.row').length).toBeLessThan(80)
    expect(page.item('f3').attributes()).toMatchObject({
      'aria-posinset': '4',
      'aria-setsize': '5000',
    })
    expect(page.view.get('.head .count').text()).toBe('5\u202f000 factories')
    expect(page.view.get('#filter-hint').text()).toContain('sees only the rows on the screen')
  })

  it('the last one is drawn when the keyboard goes there, and stays while it has the keyboard', async () => {
    await page.load(...many)
    await page.focus('root')
    await page.press('End')
    expect(page.focusedKey).toBe('f4999')
    await page.receive({ type: 'changed', factory: { ...many[7], numbers: [9], revision: 2 } })
    expect(page.focusedKey).toBe('f4999')
  })

  it('Page Down and Page Up go on by a window', async () => {
    await page.load(...many)
    await page.focus('f0')
    await page.press('PageDown')
    const there = Number(page.focusedKey?.slice(1))
    expect(there).toBeGreaterThan(5)
    await page.press('PageUp')
    expect(page.focusedKey).toBe('f0')
  })

  it('the elements of those that go draw those that come', async () => {
    await page.load(...many)
    const before = new Set(page.view.findAll('.row').map(({ element }) => element))
    await filter('Factory 49')
    const after = page.view.findAll('.row').map(({ element }) => element)
    expect(shownNames().slice(0, 2)).toEqual(['Factory 49', 'Factory 490'])
    expect(after.filter((element) => !before.has(element))).toEqual([])
  })

  it('the row with the keyboard keeps its elements while others come and go', async () => {
    await page.load(...many)
    await page.focus('root')
    await page.press('End')
    const { element } = page.item('f4999')
    await filter('Factory 499')
    expect(shownNames()).toHaveLength(11)
    expect(page.item('f4999').element).toBe(element)
  })

  it('the star opens all', async () => {
    await page.load(...many)
    await page.focus('f0')
    await page.press('*')
    expect(page.item('f3').attributes('aria-expanded')).toBe('true')
    expect(page.item('f3/1').text()).toBe('2')
    await page.view.get('[aria-label="Collapse all"]').trigger('click')
    expect(page.item('f3').attributes('aria-expanded')).toBe('false')
  })
})

describe('the filter', () => {
  it('shows names that hold a text, whatever their case and accents', async () => {
    await page.load(MILL, BAKERY, { ...SMITHY, name: 'Café (old)' })
    await filter('CAFE (')
    expect(shownNames()).toEqual(['Café (old)'])
    expect(page.view.get('.shown').text()).toBe('1 of 3')
    await filter('zzz')
    expect(page.view.text()).toContain('No name holds “zzz”.')
    await page.button('Show all').trigger('click')
    expect(shownNames()).toHaveLength(3)
  })

  it('keeps what is edited, and the tree can be reached all the time', async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.focus('mill')
    await page.press('F2')
    await page.view.get('.editor input').setValue('Typed')
    await filter('Bakery')
    expect(page.view.findAll('.row')).toHaveLength(2)
    await page.view.get('.editor input').trigger('keydown', { key: 'Escape' })
    await page.draw()
    expect(page.view.findAll('[role=treeitem][tabindex="0"]')).toHaveLength(1)
  })

  it('hands the keyboard over to the first row that it shows', async () => {
    await page.load(MILL, BAKERY)
    await filter('mill')
    await page.view.get('input[type=search]').trigger('keydown', { key: 'ArrowDown' })
    await page.draw()
    expect(page.focusedKey).toBe('mill')
  })

  it('goes with Escape', async () => {
    await page.load(MILL, BAKERY)
    await filter('mill')
    await page.view.get('input[type=search]').trigger('keydown', { key: 'Escape' })
    await page.draw()
    expect(shownNames()).toEqual(['Bakery', 'Mill'])
  })
})

describe('the order', () => {
  async function sortBy(order: string): Promise<void> {
    await page.view.get('select').setValue(order)
    await page.draw()
  }

  it('is by name, with numbers as numbers, then by id', async () => {
    const named = (id: string, name: string) => factoryOf({ id, name })
    await page.load(
      named('1', 'Mill 10'),
      named('3', 'Mill 9'),
      named('2', 'mill 9'),
      named('0', 'Mill 10'),
    )
    const ids = page.view.findAll('.row').map((row) => row.attributes('data-row'))
    expect(ids).toEqual(['2', '3', '0', '1'])
  })

  it('is by how many numbers there are', async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await sortBy('count')
    expect(shownNames()).toEqual(['Mill', 'Smithy', 'Bakery'])
  })

  it('is by what was created last, as the ids tell', async () => {
    const made = (time: string, name: string) =>
      factoryOf({ id: `${time}-7000-8000-000000000000`, name })
    await page.load(MILL, made('00000000-0001', 'Old'), made('00000000-0002', 'Young'))
    await sortBy('created')
    expect(shownNames()).toEqual(['Young', 'Old', 'Mill'])
  })

  it('is by what changed last while the page was open', async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await sortBy('changed')
    expect(shownNames()).toEqual(['Bakery', 'Mill', 'Smithy'])
    await page.receive({ type: 'changed', factory: { ...SMITHY, numbers: [1], revision: 2 } })
    await page.receive({ type: 'changed', factory: { ...MILL, numbers: [1], revision: 2 } })
    expect(shownNames()).toEqual(['Mill', 'Smithy', 'Bakery'])
  })
})

describe('many selected at once', () => {
  it('by Space and Shift with the arrows are removed together, and restored together', async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.focus('bakery')
    await press('ArrowDown', { shiftKey: true })
    expect(page.item('bakery').attributes('aria-selected')).toBe('true')
    expect(page.item('mill').attributes('aria-selected')).toBe('true')
    await page.press(' ')
    expect(page.item('mill').attributes('aria-selected')).toBe('false')
    await page.press(' ')
    page.answer(204)
    page.answer(204)
    await page.press('Delete')
    await page.draw()
    expect(shownNames()).toEqual(['Smithy'])
    expect(page.view.text()).toContain('So was 1 other.')
    expect(page.view.find('[aria-label="Selected factories"]').exists()).toBe(false)
    page.answer(200, { ...MILL, revision: 3 })
    page.answer(200, { ...BAKERY, revision: 3 })
    await page.button('Restore all 2').trigger('click')
    await page.draw()
    expect(shownNames()).toHaveLength(3)
  })

  it('by Control A, and by the pointer, and Escape lets go of them', async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.focus('mill')
    await press('a', { ctrlKey: true })
    expect(page.view.get('[aria-label="Selected factories"]').text()).toContain('3 selected')
    await page.press('Escape')
    expect(page.view.findAll('[aria-selected=true]')).toHaveLength(0)
    await page.item('bakery').trigger('click', { ctrlKey: true })
    await page.item('smithy').trigger('click', { shiftKey: true })
    expect(page.view.findAll('[aria-selected=true]')).toHaveLength(3)
    await page.button('Clear Esc').trigger('click')
    expect(page.view.findAll('[aria-selected=true]')).toHaveLength(0)
  })

  it('by the box of a row, and then all by the button of the bar', async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.item('mill').get('.check').trigger('click')
    expect(page.view.get('[aria-label="Selected factories"]').text()).toContain('1 selected')
    await page.view.get('[aria-label="Selected factories"] button:nth-of-type(3)').trigger('click')
    expect(page.view.get('[aria-label="Selected factories"]').text()).toContain('3 selected')
    await page.item('mill').get('.check').trigger('click')
    expect(page.view.get('[aria-label="Selected factories"]').text()).toContain('2 selected')
  })

  it('draw their numbers anew, as many as each has', async () => {
    await page.load(MILL, SMITHY)
    await page.focus('mill')
    await press('a', { ctrlKey: true })
    page.answer(200, { ...MILL, numbers: [1, 2, 3], revision: 2 })
    page.answer(200, { ...SMITHY, numbers: [4], revision: 2 })
    await page.button('Generate anew').trigger('click')
    await page.draw()
    const bodies = page.request.mock.calls.map(([, request]) => request?.body)
    expect(bodies).toEqual(['{"count":3}', '{"count":1}'])
  })
})

describe('a link to a factory', () => {
  it('leads to it, opened and with the keyboard on it', async () => {
    location.hash = '#mill'
    await page.load(MILL, BAKERY)
    expect(page.focusedKey).toBe('mill')
    expect(page.item('mill').attributes('aria-expanded')).toBe('true')
    location.hash = ''
  })

  it('that is not there says so', async () => {
    location.hash = '#gone'
    await page.load(MILL)
    expect(page.view.text()).toContain('The factory that this link leads to is not there')
    location.hash = ''
  })

  it('is copied from the row', async () => {
    const writeText = vi.fn().mockResolvedValue(undefined)
    await page.load(MILL)
    vi.stubGlobal('navigator', { onLine: true, clipboard: { writeText } })
    await page.item('mill').get('[title="Copy link"]').trigger('click')
    await page.draw()
    expect(writeText).toHaveBeenCalledWith(expect.stringMatching(/#mill$/))
    expect(page.view.text()).toContain('Copied the link to “Mill”.')
    vi.unstubAllGlobals()
    FakeSocket.install()
  })
})

it('a link that may not be copied is in the address bar', async () => {
  await page.load(MILL)
  const writeText = vi.fn().mockRejectedValue(new DOMException('', 'NotAllowedError'))
  vi.stubGlobal('navigator', { onLine: true, clipboard: { writeText } })
  await page.item('mill').get('[title="Copy link"]').trigger('click')
  await page.draw()
  expect(location.hash).toBe('#mill')
  expect(page.view.text()).toContain('The link is in the address bar.')
  location.hash = ''
})

describe('touch', () => {
  it('opens the actions of a row at the bottom of the screen, until one is chosen', async () => {
    await page.load(MILL, BAKERY)
    await page.item('mill').get('.more').trigger('click')
    expect(page.view.get('.bar').classes()).toContain('sheet')
    expect(page.view.get('.bar').text()).toContain('Mill')
    await page.view.get('.bar .rename').trigger('click')
    await page.draw()
    expect(page.view.get('.bar').classes()).not.toContain('sheet')
    expect(page.view.find('.editor').exists()).toBe(true)
  })

  it('closes the actions again, and the keyboard is on the row', async () => {
    await page.load(MILL, BAKERY)
    await page.item('mill').get('.more').trigger('click')
    await page.button('Close').trigger('click')
    await page.draw()
    expect(page.view.get('.bar').classes()).not.toContain('sheet')
    expect(page.focusedKey).toBe('mill')
  })
})

describe('the sliders', () => {
  it('move the bounds, and stop where they meet', async () => {
    await page.load(MILL)
    await page.item('mill').get('[title="Change bounds"]').trigger('click')
    await page.draw()
    const [lower, upper] = page.view.findAll<HTMLInputElement>('.editor input[type=range]')
    await lower?.setValue('4')
    expect(page.view.findAll<HTMLInputElement>('.editor input[type=text]')[0]?.element.value).toBe(
      '4',
    )
    await upper?.setValue('1')
    expect(page.view.findAll<HTMLInputElement>('.editor input[type=text]')[1]?.element.value).toBe(
      '4',
    )
  })
})
