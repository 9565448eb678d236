import { describe, expect, it } from 'vitest'

import { MILL, PageUnderTest } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

async function typeBounds(lower: string, upper: string): Promise<void> {
  await page.item('mill').get('[title="Change bounds"]').trigger('click')
  await page.draw()
  const [low, high] = page.view.findAll('.editor input[type=text]')
  await low?.setValue(lower)
  await high?.setValue(upper)
}
async function submit(): Promise<void> {
  await page.view.get('.editor').trigger('submit')
  await page.draw()
}
function lastBody(): unknown {
  return JSON.parse(String(page.request.mock.lastCall?.[1]?.body))
}

describe('bounds that two people change', () => {
  it('each another one merge: what was not changed here is not written', async () => {
    await page.load(MILL)
    await typeBounds('-3', '9')
    await page.receive({ type: 'changed', factory: { ...MILL, upper: 20, revision: 2 } })
    page.answer(200, { ...MILL, lower: -3, upper: 20, revision: 3 })
    await submit()
    expect(lastBody()).toEqual({ lower: -3 })
    expect(page.request.mock.lastCall?.[1]?.headers).toMatchObject({ 'If-Match': '"2"' })
    expect(page.view.find('.editor').exists()).toBe(false)
    expect(page.item('mill').text()).toContain('−3 to 20')
  })

  it('the same one are a conflict, and mine leaves the other bound as they have it', async () => {
    await page.load(MILL)
    await typeBounds('-3', '9')
    page.answer(412, { factory: { ...MILL, lower: -5, upper: 20, revision: 2 } })
    await submit()
    const cells = page.view.findAll('.conflict tbody td').map((cell) => cell.text())
    expect(cells).toEqual(['1 to 9', '−3 to 9', '−5 to 20'])
    page.answer(200, { ...MILL, lower: -3, upper: 20, revision: 3 })
    await page.button('Keep mine').trigger('click')
    await page.draw()
    expect(lastBody()).toEqual({ lower: -3 })
  })
})
