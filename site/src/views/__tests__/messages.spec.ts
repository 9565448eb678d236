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
