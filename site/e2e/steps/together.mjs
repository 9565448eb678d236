import assert from 'node:assert/strict'

import { manyFactory } from '../fake/stage.mjs'
import { until } from './keys.mjs'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */
/** @typedef {import('../fake/stage.mjs').FakeStage} FakeStage */

const AWAY_MS = 60_000

/**
 * Two people edit at once: what does not exclude each other is merged, the rest is asked.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b @param {FakeStage} stage
 */
export async function showTwoEditors(report, a, b, stage) {
  const bakery = () => stage.factories.get(manyFactory(1).id)
  await report.step('two save at the same moment, name and bounds: both are kept', async () => {
    await a.typeName('Bakery', 'Bakehouse')
    await b.typeBounds('Bakery', -7, 70)
    await Promise.all([a.save(), b.save()])
    await until(() => bakery()?.name === 'Bakehouse' && bakery()?.upper === 70, 'one is lost')
    for (const { page } of [a, b]) {
      await page.getByRole('treeitem', { name: /Bakehouse.*−7 to 70/ }).waitFor()
    }
  })
  await report.step('each changes one of the bounds: both are kept', async () => {
    await a.typeBounds('Bakehouse', -9, 70)
    await b.typeBounds('Bakehouse', -7, 90)
    await Promise.all([a.save(), b.save()])
    for (const { page } of [a, b]) {
      await page.getByRole('treeitem', { name: /Bakehouse.*−9 to 90/ }).waitFor()
    }
  })
  await report.step(
    'both rename at the same moment: one is asked, nobody is overwritten',
    async () => {
      await a.typeName('Lighthouse', 'By A')
      await b.typeName('Lighthouse', 'By B')
      await Promise.all([a.save(), b.save()])
      const asked = (/** @type {TreePage} */ { page }) =>
        page.getByText('Somebody else changed this factory')
      await Promise.any([a, b].map((one) => asked(one).waitFor()))
      const [loser, winner] = (await asked(a).count()) > 0 ? [a, b] : [b, a]
      assert.equal(await asked(winner).count(), 0)
      await loser.press('Take theirs')
      await loser.page.getByText(`By ${winner.label}`, { exact: true }).first().waitFor()
    },
  )
}

/** The row of a factory, whatever is open in it. @param {TreePage} tree @param {string} id */
function rowOf({ page }, id) {
  return page.locator(`[data-row="${id}"]`)
}

/** Types a new name for a factory. @param {TreePage} tree @param {string} id @param {string} name */
async function rename(tree, id, name) {
  const row = rowOf(tree, id)
  await row.locator('.line').hover()
  await row.getByTitle('Rename (F2)').click()
  await row.getByLabel('New name').fill(name)
}

/** Presses a button in the row of a factory. @param {TreePage} tree @param {string} id @param {string} name */
async function press(tree, id, name) {
  await rowOf(tree, id).getByRole('button', { name, exact: true }).click()
}

/**
 * One is offline for a minute, while both go on.
 *
 * @param {Report} report @param {TreePage} a has a clock that can be put forward @param {TreePage} b @param {FakeStage} stage
 */
export async function showMinuteOffline(report, a, b, stage) {
  const { id: assembly } = manyFactory(0)
  const { id: nightShift } = manyFactory(3)
  const { id: storeroom } = manyFactory(4)
  await report.step('offline for a minute: A edits, creates and types, B does too', async () => {
    await a.page.context().setOffline(true)
    stage.hangUp()
    await a.page.locator('[role=status]', { hasText: /^Offline$/ }).waitFor()
    await rename(a, assembly, 'Assembly by A')
    await press(a, assembly, 'Save')
    await a.page.getByText('could not be reached').waitFor()
    await rename(a, storeroom, 'Stock of A')
    await a.create({ name: 'Made offline', lower: 1, upper: 9, count: 3 })
    await a.page.getByText('Nobody knows yet whether').waitFor()
    await b.waitUntilLive()
    await b.typeName('Assembly line', 'Assembly by B')
    await b.save()
    await b.remove('Storeroom')
    await until(() => stage.factories.get(assembly)?.name === 'Assembly by B', 'B saves nothing')
    await until(() => !stage.factories.has(storeroom), 'B removes nothing')
    stage.put({ id: nightShift, numbers: [6, 6, 6] })
    await a.page.clock.fastForward(AWAY_MS)
  })
  await report.step('back again: A has what it missed, and all that it typed', async () => {
    await a.page.context().setOffline(false)
    await a.waitUntilLive()
    await a.page.getByRole('treeitem', { name: /Night shift.*6 6 6/ }).waitFor()
    await a.page.getByText('Somebody removed').waitFor()
    const typed = a.page.getByLabel('New name')
    assert.deepEqual(await Promise.all((await typed.all()).map((field) => field.inputValue())), [
      'Assembly by A',
      'Stock of A',
    ])
    assert.equal(stage.factories.get(assembly)?.name, 'Assembly by B')
  })
  await report.step('A sends it again: one conflict, one restore, one creation', async () => {
    await press(a, assembly, 'Save')
    await press(a, assembly, 'Keep mine')
    await until(() => stage.factories.get(assembly)?.name === 'Assembly by A', 'not kept')
    await press(a, storeroom, 'Restore')
    await until(() => stage.factories.has(storeroom), 'not restored')
    await a.press('Try again')
    await until(
      () =>
        [...stage.factories.values()].filter(({ name }) => name === 'Made offline').length === 1,
      'not created once',
    )
  })
}
