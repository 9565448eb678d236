import assert from 'node:assert/strict'

import { LIVE_MS } from '../treePage.mjs'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */

/**
 * Two people change the same factory: the second is told, and chooses.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b @param {string} tag
 */
export async function showConflict(report, a, b, tag) {
  const factory = { name: `Shared ${tag}`, lower: 1, upper: 9, count: 2 }
  const byA = { ...factory, name: `By A ${tag}` }
  const byB = { ...factory, name: `By B ${tag}` }

  await report.step(
    'two rename the same factory: the second is told, and nothing is overwritten',
    async () => {
      await a.create(factory)
      await b.row(factory).waitFor({ timeout: LIVE_MS })
      await a.typeName(factory.name, byA.name)
      await b.typeName(factory.name, byB.name)
      await a.save()
      await b.page.getByText(`changed this to “${byA.name}”`).waitFor({ timeout: LIVE_MS })
      await b.save()
      const notice = b.page.getByText('Somebody else changed this factory meanwhile.')
      await notice.waitFor({ timeout: LIVE_MS })
      await a.row(byA).waitFor()
      assert.equal(await b.page.getByLabel('New name').inputValue(), byB.name)
    },
  )
  await report.step('the second keeps their own: the first sees it', async () => {
    await b.press('Keep mine')
    await a.row(byB).waitFor({ timeout: LIVE_MS })
  })
}

/**
 * One types a new name for a factory, which the other removes: the text stays, and no key reaches another factory.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b @param {string} tag
 */
export async function showOrphan(report, a, b, tag) {
  const factory = { name: `Orphan ${tag}`, lower: 1, upper: 9, count: 2 }
  const next = { ...factory, name: `Orphan ${tag}, next` }
  const renamed = { ...factory, name: `Adopted ${tag}` }

  await report.step(
    'A renames what B removes: Delete takes a letter, and no other factory',
    async () => {
      await a.create(factory)
      await a.create(next)
      await b.row(factory).waitFor({ timeout: LIVE_MS })
      await b.row(next).waitFor({ timeout: LIVE_MS })
      await a.typeName(factory.name, `${renamed.name}x`)
      await b.remove(factory.name)
      await a.page.getByText(`Somebody removed “${factory.name}”`).waitFor({ timeout: LIVE_MS })
      await a.page.keyboard.press('ArrowLeft')
      await a.page.keyboard.press('Delete')
      assert.equal(await a.page.getByLabel('New name').inputValue(), renamed.name)
      await a.row(next).waitFor()
      assert.equal(await b.row(next).count(), 1)
    },
  )
  await report.step('A restores it and saves: B has it back under the new name', async () => {
    await a.press('Restore')
    await b.row(factory).waitFor({ timeout: LIVE_MS })
    await a.save()
    await b.row(renamed).waitFor({ timeout: LIVE_MS })
  })
}

/**
 * What was typed outlasts a reload, and an answer that got lost costs nobody the undo.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b @param {string} tag
 */
export async function showNothingLost(report, a, b, tag) {
  const factory = { name: `Kept ${tag}`, lower: 1, upper: 9, count: 2 }

  await report.step(
    'what is typed in the form and in a row is there again after a reload',
    async () => {
      await a.create(factory)
      await a.row(factory).waitFor()
      await a.typeName(factory.name, `Half ty ${tag}`)
      const name = a.page.getByLabel('Name', { exact: true })
      await name.fill(`Not sent ${tag}`)
      await a.reload()
      assert.equal(await name.inputValue(), `Not sent ${tag}`)
      assert.equal(await a.page.getByLabel('New name').inputValue(), `Half ty ${tag}`)
      await name.fill('')
      await a.press('Cancel')
    },
  )
  await report.step('a removal whose answer gets lost on the way can be undone', async () => {
    await a.loseNextAnswer('DELETE')
    await a.remove(factory.name)
    await b.row(factory).waitFor({ state: 'detached', timeout: LIVE_MS })
    await a.page.getByText(`Removed “${factory.name}”.`, { exact: true }).waitFor()
    await a.undo()
    await b.row(factory).waitFor({ timeout: LIVE_MS })
  })
  await report.step('a double click on Create makes one factory, and no complaint', async () => {
    const twice = { ...factory, name: `Twice ${tag}` }
    await a.typeFactory(twice)
    await a.page.getByRole('button', { name: 'Create' }).dblclick()
    await b.row(twice).waitFor({ timeout: LIVE_MS })
    assert.equal(await b.row(twice).count(), 1)
    assert.equal(await a.page.locator('#creation [role=alert]').count(), 0)
  })
}

/**
 * A browser that was away has missed nothing.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b @param {string} tag
 */
export async function showReturn(report, a, b, tag) {
  const factory = { name: `Missed ${tag}`, lower: 1, upper: 9, count: 2 }

  await report.step('B loses the network and says so', async () => {
    await b.page.context().setOffline(true)
    await b.page.locator('[role=status]', { hasText: /^Offline$/ }).waitFor()
  })
  await report.step('B comes back by itself and has what it missed', async () => {
    await a.create(factory)
    await a.row(factory).waitFor()
    await b.page.context().setOffline(false)
    await b.row(factory).waitFor()
    await b.waitUntilLive()
    // Asking for what is not there was the point: the browser has logged it as errors.
    b.complaints = b.complaints.filter((text) => !text.includes('ERR_INTERNET_DISCONNECTED'))
  })
}

/** @param {Report} report @param {TreePage[]} pages */
export async function showQuiet(report, pages) {
  await report.step('no dialog, no error and no policy violation in either browser', async () => {
    assert.deepEqual(
      pages.flatMap(({ complaints }) => complaints),
      [],
    )
  })
}
