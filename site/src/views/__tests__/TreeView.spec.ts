import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'

import { factoryOf, FakeSocket } from '@/api/__tests__/fakeSocket'

import { BAKERY, MILL, PageUnderTest } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

describe('the tree', () => {
  it('tells levels, places and what is open to assistive technology', async () => {
    await page.load(MILL, BAKERY)
    expect(page.item('root').attributes()).toMatchObject({
      'aria-level': '1',
      'aria-expanded': 'true',
    })
    expect(page.item('mill').attributes()).toMatchObject({
      role: 'treeitem',
      'aria-level': '2',
      'aria-posinset': '2',
      'aria-setsize': '2',
      'aria-expanded': 'false',
      'aria-label': '\u2068Mill\u2069, 1 to 9, 3 12 −4, 3 numbers',
    })
    expect(page.item('bakery').attributes('aria-expanded')).toBeUndefined()
    await page.expandAll()
    expect(page.item('mill').attributes('aria-expanded')).toBe('true')
    expect(page.item('mill/0').attributes()).toMatchObject({
      'aria-level': '3',
      'aria-setsize': '3',
    })
  })

  it('shows names as text', async () => {
    await page.load({ ...MILL, name: '<img src=x onerror=alert(1)>' })
    expect(page.item('mill').text()).toContain('<img src=x onerror=alert(1)>')
    expect(page.item('mill').find('img').exists()).toBe(false)
  })

  it('marks the numbers outside the bounds, not by colour alone', async () => {
    await page.load(MILL)
    expect(page.item('mill').findAll('.preview .above')).toHaveLength(1)
    await page.expandAll()
    const labels = [0, 1, 2].map((index) => page.item(`mill/${index}`).attributes('aria-label'))
    expect(labels).toEqual(['3', '12, above the bounds', '−4, below the bounds'])
    expect(page.item('mill/1').classes()).toContain('above')
  })

  it('says that it is empty', async () => {
    await page.load()
    expect(page.view.text()).toContain('There are no factories yet')
  })

  it('is in the tab order once', async () => {
    await page.load(MILL, BAKERY)
    await page.expandAll()
    expect(page.view.findAll('[role=treeitem][tabindex="0"]')).toHaveLength(1)
    await page.focus('mill/1')
    expect(page.view.findAll('[role=treeitem][tabindex="0"]')).toHaveLength(1)
    expect(page.item('mill/1').attributes('tabindex')).toBe('0')
  })
})

describe('a failure', () => {
  beforeEach(() => page.load(MILL))

  it('puts the row back and keeps what was typed, with the reason beside it', async () => {
    page.request.mockRejectedValueOnce(new TypeError('network'))
    await page.focus('mill')
    await page.press('F2')
    await page.save('Typed')
    expect(page.view.get<HTMLInputElement>('.editor input').element.value).toBe('Typed')
    expect(page.view.get('.editor [role=alert]').text()).toContain('could not be reached')
    await page.press('Escape')
    expect(page.item('mill').attributes('aria-label')).toContain('Mill')
  })

  it('of a removal brings the row back with the reason', async () => {
    page.answer(503)
    await page.focus('mill')
    await page.press('Delete')
    expect(page.item('mill').text()).toContain('The server could not do it now')
    expect(page.button('Try again').exists()).toBe(true)
  })
})

it('somebody else was quicker: both are shown, and keeping mine sends it on top of theirs', async () => {
  await page.load(MILL)
  await page.focus('mill')
  await page.press('F2')
  await page.view.get('.editor input').setValue('Mine')
  page.answer(412, { factory: { ...MILL, name: 'Theirs', revision: 2 } })
  await page.view.get('.editor').trigger('submit')
  await page.draw()
  const notice = page.view.get('.conflict')
  expect(notice.text()).toContain('Somebody else changed this factory')
  expect(notice.findAll('thead th').map((cell) => cell.text())).toEqual([
    'Before',
    'Yours',
    'Theirs',
  ])
  expect(notice.findAll('tbody td').map((cell) => cell.text())).toEqual(['Mill', 'Mine', 'Theirs'])
  expect(page.view.get<HTMLInputElement>('.editor input').element.value).toBe('Mine')

  page.answer(200, { ...MILL, name: 'Mine', revision: 3 })
  await page.button('Keep mine').trigger('click')
  await page.draw()
  expect(page.request.mock.lastCall?.[1]?.headers).toMatchObject({ 'If-Match': '"2"' })
  expect(page.view.find('.conflict').exists()).toBe(false)
})

it('a factory removed by somebody else while it is edited can be brought back, text and all', async () => {
  await page.load(MILL)
  await page.focus('mill')
  await page.press('F2')
  await page.view.get('.editor input').setValue('Typed')
  await page.receive({ type: 'removed', id: 'mill', revision: 2 })
  expect(page.view.text()).toContain('Somebody removed “Mill” while you were editing it.')
  await page.receive({ type: 'changed', factory: { ...MILL, revision: 3 } })
  expect(page.view.get<HTMLInputElement>('.editor input').element.value).toBe('Typed')
})

it('the button of a toast undoes, and the toast is gone', async () => {
  await page.load(MILL)
  page.answer(204)
  await page.view.get('[title="Remove (Delete)"]').trigger('click')
  await page.draw()
  page.answer(200, { ...MILL, revision: 3 })
  await page.view.get('.toast button').trigger('click')
  await page.draw()
  expect(page.view.find('.toast').exists()).toBe(false)
  expect(page.focusedKey).toBe('mill')
})

it('a new factory is shown at once and announced when it is there', async () => {
  await page.load()
  let created: (response: Response) => void = () => {}
  page.request.mockReturnValueOnce(new Promise((resolve) => (created = resolve)))
  await page.view.get('.creation input').setValue('Mill')
  await page.view.get('.creation form').trigger('submit')
  expect(page.view.text()).toContain('creating…')
  const { id } = JSON.parse(String(page.request.mock.lastCall?.[1]?.body)) as { id: string }
  created(new Response(JSON.stringify({ ...MILL, id }), { status: 201 }))
  await page.draw()
  expect(page.view.text()).not.toContain('creating…')
  expect(page.view.get('[aria-live]').text()).toBe('Created Mill.')
})

it('a factory that could not be created is kept beside the form', async () => {
  await page.load()
  page.answer(409, { detail: 'another factory has this id' })
  await page.view.get('.creation input').setValue('Mill')
  await page.view.get('.creation form').trigger('submit')
  await page.draw()
  expect(page.view.get('.failure').text()).toContain(
    '“Mill” (1 to 100, 5 numbers) could not be created.',
  )
  expect(page.view.text()).toContain('There are no factories yet')
  await page.button('Edit').trigger('click')
  expect(page.view.get<HTMLInputElement>('.creation input').element.value).toBe('Mill')
})

it('a wrong value is told at its field, which gets the keyboard', async () => {
  await page.load()
  await page.view.get('.creation input').setValue('Mill')
  await page.view.findAll('.creation input')[3]?.setValue('16')
  await page.view.get('.creation form').trigger('submit')
  await page.draw()
  const field = document.activeElement as HTMLInputElement
  expect(field.value).toBe('16')
  const message = document.getElementById(field.getAttribute('aria-describedby') ?? '')
  expect(message?.textContent).toContain('from 0 to 15')
  expect(page.request).not.toHaveBeenCalled()
})

it('changes of others are announced together', async () => {
  await page.load(MILL)
  await page.receive({ type: 'changed', factory: { ...MILL, name: 'Windmill', revision: 2 } })
  await page.receive({ type: 'changed', factory: BAKERY })
  await vi.advanceTimersByTimeAsync(1_500)
  expect(page.view.get('[aria-live]').text()).toBe('Mill is now called Windmill. Bakery is new.')
})

it('the state of the connection and the build are on the page', async () => {
  expect(page.view.get('.status').text()).toBe('Connecting…')
  await page.load(MILL)
  expect(page.view.get('.status').text()).toBe('Live')
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(1_100)
  expect(page.view.get('.status').text()).toBe('Reconnecting…')
  expect(page.view.text()).toContain('build-7')
})

it('one change among many factories touches the row of that factory alone', async () => {
  const many = Array.from({ length: 100 }, (_, index) => factoryOf({ id: `f${index}` }))
  await page.load(...many)
  const touched = new Set<string | undefined>()
  const observer = new MutationObserver((records) => {
    for (const { target } of records) {
      const element = target instanceof Element ? target : target.parentElement
      touched.add(element?.closest('.row')?.querySelector('.title')?.textContent)
    }
  })
  observer.observe(page.view.get('[role=tree]').element, {
    attributes: true,
    childList: true,
    subtree: true,
  })
  await page.receive({ type: 'changed', factory: { ...many[5], numbers: [8, 9], revision: 2 } })
  await flushPromises()
  observer.disconnect()
  expect([...touched]).toEqual(['Factory f5'])
})
