import assert from 'node:assert/strict'

import axe from 'axe-core'

import { LIVE_MS } from '../treePage.mjs'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */

/**
 * The page as axe sees it: at rest, and with everything open and complaining.
 *
 * @param {Report} report @param {TreePage} page @param {string} tag
 */
export async function showAccessibility(report, page, tag) {
  const factory = { name: `Checked ${tag}`, lower: 1, upper: 9, count: 3 }
  await report.step('a factory to look at', async () => {
    await page.create(factory)
    await page.row(factory).waitFor()
  })
  await checkBothSchemes(report, page, 'at rest')
  await report.step('every editor open, every field wrong', async () => {
    await page.typeCount(factory.name, 16)
    await page.generate()
    await page.typeBounds(factory.name, 5, 2)
    await page.save()
    await page.typeName(factory.name, ' ')
    await page.page.keyboard.press('Enter')
    await page.create({ ...factory, name: '', lower: 2_000_000_000 })
  })
  await checkBothSchemes(report, page, 'amid errors')
  await page.reload()
}

/** @param {Report} report @param {TreePage} page @param {string} state */
async function checkBothSchemes(report, page, state) {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await page.page.emulateMedia({ colorScheme })
    await report.step(`axe finds nothing ${state} (${colorScheme})`, () => check(page))
  }
  await page.page.emulateMedia({ colorScheme: null })
}

/** @param {TreePage} treePage */
async function check({ page }) {
  // Through the debugger, as the page's own policy rightly lets no foreign script in.
  await page.evaluate(axe.source)
  const violations = await page.evaluate(async () => {
    const { axe } = /** @type {any} */ (window)
    /** @type {import('axe-core').AxeResults} */
    const results = await axe.run()
    return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`)
  })
  assert.deepEqual(violations, [])
}

/**
 * From an empty form to an undone removal without a pointer.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b @param {string} tag
 */
export async function showKeyboard(report, a, b, tag) {
  const factory = { name: `Keys ${tag}`, lower: 1, upper: 100, count: 5 }
  const renamed = { ...factory, name: `Typed ${tag}` }
  const { keyboard } = a.page
  const items = a.page.getByRole('treeitem')

  await report.step('with keys only: create', async () => {
    const name = a.page.getByLabel('Name', { exact: true })
    if (!(await name.isVisible())) {
      await a.pressUntilFocused('Tab', a.page.getByRole('button', { name: 'New factory' }))
      await keyboard.press('Enter')
    }
    await a.pressUntilFocused('Tab', name)
    await keyboard.type(factory.name)
    await keyboard.press('Enter')
    await b.row(factory).waitFor({ timeout: LIVE_MS })
  })
  await report.step('with keys only: rename', async () => {
    await a.pressUntilFocused('Tab', items)
    await a.pressUntilFocused('ArrowDown', a.row(factory))
    await keyboard.press('F2')
    await keyboard.press('ControlOrMeta+a')
    await keyboard.type(renamed.name)
    await keyboard.press('Enter')
    await b.row(renamed).waitFor({ timeout: LIVE_MS })
  })
  await report.step('no message covers what has the keyboard', async () => {
    const others = [1, 2, 3].map((number) => ({ ...factory, name: `Covered ${number} ${tag}` }))
    for (const other of others) {
      await a.create(other)
      await a.row(other).waitFor({ timeout: LIVE_MS })
      await a.remove(other.name)
    }
    await a.page.getByText('So were 2 others.').waitFor()
    await a.row(renamed).focus()
    await a.pressUntilFocused(
      'Tab',
      a.page.getByRole('group', { name: /^Actions for/ }).getByRole('button'),
    )
    assert.equal(await a.coversFocus(), false)
    await a.row(renamed).focus()
    await a.press('Dismiss')
    await a.row(renamed).focus()
  })
  await report.step('with keys only: remove, and undo', async () => {
    await a.row(renamed).and(a.page.locator(':focus')).waitFor({ timeout: LIVE_MS })
    await keyboard.press('Delete')
    await b.row(renamed).waitFor({ state: 'detached', timeout: LIVE_MS })
    await a.page.getByText(`Removed “${renamed.name}”.`, { exact: true }).waitFor()
    await keyboard.press('ControlOrMeta+z')
    await b.row(renamed).waitFor({ timeout: LIVE_MS })
    await a.row(renamed).and(a.page.locator(':focus')).waitFor({ timeout: LIVE_MS })
  })
}
