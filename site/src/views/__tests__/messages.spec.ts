import { beforeEach, describe, expect, it } from 'vitest'

import { BAKERY, MILL, PageUnderTest, SMITHY } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

function announced(): string {
  return page.view.get('[aria-live]').text()
}

describe('many removals', () => {
  beforeEach(async () => {
    await page.load(MILL, BAKERY, SMITHY)
    await page.focus('bakery')
    for (let removal = 0; removal < 3; removal += 1) {
      page.answer(204)
      await page.press('Delete')
    }
  })

  it('are one message', () => {
    expect(page.view.findAll('.toast')).toHaveLength(1)
    expect(page.view.get('.toast').text()).toContain('Removed “Smithy”. So were 2 others.')
  })

  it('are undone one by one, the newest first', async () => {
    page.answer(200, { ...SMITHY, revision: 3 })
    await page.view.get('.toast button').trigger('click')
    await page.draw()
    expect(page.item('smithy').text()).toContain('Smithy')
    expect(page.view.get('.toast').text()).toContain('Removed “Mill”. So was 1 other.')
  })

  it('are undone all at once', async () => {
    for (const factory of [SMITHY, MILL, BAKERY]) {
      page.answer(200, { ...factory, revision: 3 })
    }
    await page.button('Restore all 3').trigger('click')
    await page.draw()
    expect(page.view.find('.toast').exists()).toBe(false)
    expect(page.view.findAll('[aria-level="2"]')).toHaveLength(3)
  })

  it('are dismissed together', async () => {
    await page.view.get('[aria-label="Dismiss"]').trigger('click')
    expect(page.view.find('.toast').exists()).toBe(false)
  })
})

describe('new numbers', () => {
  beforeEach(async () => {
    await page.load(MILL)
    await page.view.get('[title="Generate numbers"]').trigger('click')
    await page.draw()
    page.answer(200, { ...MILL, numbers: [4], revision: 2 })
    await page.save('1')
  })

  it('can be undone: the earlier ones come back', async () => {
    expect(page.view.get('.toast').text()).toContain('Generated 1 number for “Mill”.')
    page.answer(200, { ...MILL, revision: 3 })
    await page.button('Undo Ctrl+Z').trigger('click')
    await page.draw()
    const [url, request] = page.request.mock.lastCall ?? []
    expect(url).toBe('https://api.test/factories/mill/numbers/restore')
    expect(request?.headers).toMatchObject({ 'If-Match': '"2"' })
    expect(page.item('mill').text()).toContain('3 12 −4')
    expect(announced()).toBe('Brought back the earlier numbers of Mill.')
  })

  it('are undone under a name that others have given meanwhile', async () => {
    const renamed = { ...MILL, name: 'Windmill', numbers: [4], revision: 3 }
    await page.receive({ type: 'changed', factory: renamed })
    page.answer(200, { ...renamed, numbers: MILL.numbers, revision: 4 })
    await page.button('Undo Ctrl+Z').trigger('click')
    await page.draw()
    expect(page.request.mock.lastCall?.[1]?.headers).toMatchObject({ 'If-Match': '"3"' })
    expect(page.item('mill').text()).toContain('3 12 −4')
  })

  it('of others stay', async () => {
    const theirs = { ...MILL, numbers: [8, 9], revision: 3 }
    await page.receive({ type: 'changed', factory: theirs })
    page.answer(412, { factory: theirs })
    await page.button('Undo Ctrl+Z').trigger('click')
    await page.draw()
    expect(page.view.get('.toast').text()).toContain('Somebody else has generated numbers')
    expect(page.item('mill').text()).toContain('8 9')
  })
})

describe('what is saved is announced', () => {
  beforeEach(() => page.load(MILL))

  it('when it is a name', async () => {
    await page.focus('mill')
    await page.press('F2')
    page.answer(200, { ...MILL, name: 'Windmill', revision: 2 })
    await page.save('Windmill')
    expect(announced()).toBe('Saved: Mill is now called Windmill.')
  })

  it('when they are bounds', async () => {
    await page.view.get('[title="Change bounds"]').trigger('click')
    await page.draw()
    page.answer(200, { ...MILL, lower: -5, revision: 2 })
    await page.save('-5')
    expect(announced()).toBe('Saved: Mill now draws from −5 to 9.')
  })

  it('when they are numbers', async () => {
    await page.view.get('[title="Generate numbers"]').trigger('click')
    await page.draw()
    page.answer(200, { ...MILL, numbers: [4], revision: 2 })
    await page.save('1')
    expect(announced()).toBe('Generated 1 number for Mill.')
  })
})

it('the actions of a row are in its item, where assistive technology finds them', async () => {
  await page.load(MILL)
  const names = page
    .item('mill')
    .findAll('button')
    .map((button) => button.attributes('aria-label'))
  expect(names).toEqual([
    'Generate numbers for \u2068Mill\u2069',
    'Rename \u2068Mill\u2069',
    'Copy link to \u2068Mill\u2069',
    'Remove \u2068Mill\u2069',
    'Change bounds of \u2068Mill\u2069, now 1 to 9',
    'Actions for \u2068Mill\u2069',
  ])
  expect(page.view.find('[aria-hidden] button').exists()).toBe(false)
})

it('names are isolated from the text around them, and fields take the direction of what is typed', async () => {
  await page.load({ ...MILL, name: 'مصنع' })
  page.answer(204)
  await page.focus('mill')
  await page.press('F2')
  expect(page.view.get('.editor input').attributes('dir')).toBe('auto')
  await page.press('Escape')
  await page.focus('mill')
  await page.press('Delete')
  expect(page.view.get('.toast bdi').text()).toBe('مصنع')
  expect(page.view.get('.toast p').text()).toBe('Removed “مصنع”.')
})
