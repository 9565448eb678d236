import assert from 'node:assert/strict'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */
/** @typedef {import('../fake/stage.mjs').FakeStage} FakeStage */

/** The browser's own sign that clears a search field, with the padding beside it. */
const CLEAR_PX = 28

/** @param {TreePage} tree @param {string} selector */
async function boxOf({ page }, selector) {
  const box = await page.locator(selector).first().boundingBox()
  assert.ok(box, `there is no ${selector}`)
  return box
}

/**
 * What a picture shows and no rule of accessibility knows: nothing lies over something else, or jumps.
 *
 * @param {Report} report @param {TreePage} tree @param {FakeStage} stage @param {string} url
 */
export async function showLooks(report, tree, stage, url) {
  const { page } = tree
  stage.tellsTree = false
  await page.goto(url)
  await page.getByText('Loading the tree…').waitFor()
  const loading = await boxOf(tree, '.loading .place')
  stage.tellsTree = true
  await page.goto(url)
  await tree.waitUntilLive()

  await report.step('lines stand where they stood while the page was loading', async () => {
    const { x, width } = await boxOf(tree, '.row')
    assert.deepEqual({ x, width }, { x: loading.x, width: loading.width })
  })
  await report.step('the numbers of a factory stand below its name', async () => {
    await tree.press('Expand all')
    const [name, number] = [await boxOf(tree, '.row .title'), await boxOf(tree, '.chip')]
    assert.equal(number.x, name.x)
    await tree.press('Collapse all')
  })
  await report.step('how many names the filter shows stands beside what clears it', async () => {
    const filter = page.getByLabel('Filter by name')
    await filter.fill('foundry')
    const [field, shown] = [await boxOf(tree, '.search input'), await boxOf(tree, '.shown')]
    const space = field.x + field.width - shown.x - shown.width
    assert.ok(space >= CLEAR_PX, `${space} px are left`)
    await filter.fill('')
  })
  await report.step('nothing of the head moves while the page reconnects', async () => {
    const live = await boxOf(tree, '.toolbar')
    const pill = await boxOf(tree, '.status .pill')
    assert.ok(pill.width < 90, `“Live” stands in a box of ${pill.width} px`)
    stage.isUp = false
    stage.hangUp()
    await page.locator('[role=status]', { hasText: /^Reconnecting…$/ }).waitFor()
    assert.deepEqual(await boxOf(tree, '.toolbar'), live)
    stage.isUp = true
    await tree.waitUntilLive()
  })
  await report.step('an empty tree has nothing that opens', async () => {
    stage.reset()
    await page.goto(url)
    await page.getByText('There are no factories yet.').waitFor()
    assert.equal(await page.locator('.root .toggle').isVisible(), false)
  })
}
