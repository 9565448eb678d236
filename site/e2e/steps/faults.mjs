import assert from 'node:assert/strict'

import { manyFactory } from '../fake/stage.mjs'
import { until } from './keys.mjs'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */
/** @typedef {import('../fake/stage.mjs').FakeStage} FakeStage */

const [ASSEMBLY, BAKERY, LIGHTHOUSE] = [0, 1, 2].map((index) => manyFactory(index).id)

/**
 * Shows that the faults of earlier versions of the page are mended.
 *
 * @param {Report} report @param {TreePage} tree @param {FakeStage} stage
 */
export async function showFaultsMended(report, tree, stage) {
  await showTruth(report, tree, stage)
  await showPlaces(report, tree, stage)
  await showLostAnswers(report, tree, stage)
  await showWords(report, tree, stage)
}

/** @param {Report} report @param {TreePage} tree @param {FakeStage} stage */
async function showTruth(report, tree, stage) {
  const { page } = tree
  await report.step(
    'a snapshot that is older than the tree makes no news of the rest',
    async () => {
      stage.snapshot = []
      await page.addInitScript(noteUntruths)
      await tree.reload()
      assert.deepEqual(await page.evaluate(() => Reflect.get(globalThis, 'untruths')), [])
      assert.equal(await page.locator('.row').count(), stage.factories.size)
      stage.snapshot = undefined
    },
  )
  await report.step('without WebSocket the tree is there within a second of the page', async () => {
    // A context of its own, as all pages of a context share a clock.
    const other = await page.context().browser()?.newPage()
    assert.ok(other)
    // Opens, and brings nothing: as behind a proxy that swallows it.
    await other.routeWebSocket(/live|realtime/, () => {})
    await other.clock.install()
    await other.goto(new URL('/no/such/path', page.url()).href)
    await other.clock.pauseAt(Date.now() + 60_000)
    await other.goto(page.url())
    if (stage.live === 'servers') {
      await other.getByText('Loading the tree…').waitFor()
    }
    await other.clock.runFor(900)
    await other.locator('.row').first().waitFor()
    await other.close()
  })
}

/** In the page, from its start: notes what it says of a tree that it does not know yet. */
function noteUntruths() {
  /** @type {string[]} */
  const untruths = []
  Reflect.set(globalThis, 'untruths', untruths)
  new MutationObserver(() => {
    const text = document.body?.textContent ?? ''
    for (const untruth of ['There are no factories yet', 'changed elsewhere', 'is new.']) {
      if (text.includes(untruth)) {
        untruths.push(untruth)
      }
    }
    if (document.querySelector('.recent')) {
      untruths.push('a row glows')
    }
  }).observe(document, { childList: true, subtree: true, characterData: true, attributes: true })
}

/** @param {Report} report @param {TreePage} tree @param {FakeStage} stage */
async function showPlaces(report, tree, stage) {
  const { page } = tree
  await report.step('a row that is edited stays where it is, whatever others call it', async () => {
    const places = () =>
      page.locator('.row').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-row')))
    await tree.typeName('Bakery', 'Bakehouse')
    const before = await places()
    stage.put({ id: BAKERY ?? '', name: 'Zeppelin yard' })
    await page.getByText('Somebody else has just changed this').waitFor()
    assert.deepEqual(await places(), before)
    await tree.press('Cancel')
    await tree.entry('Zeppelin yard').waitFor()
    assert.equal((await places()).indexOf(BAKERY ?? ''), before.length - 2)
    stage.put({ id: BAKERY ?? '', name: 'Bakery' })
    await tree.entry('Bakery').waitFor()
  })
}

/** @param {Report} report @param {TreePage} tree @param {FakeStage} stage */
async function showLostAnswers(report, tree, stage) {
  const { page } = tree
  const isThere = () => stage.factories.has(LIGHTHOUSE ?? '')
  await report.step('a restore whose answer gets lost is not called failed', async () => {
    await tree.remove('Lighthouse')
    await until(() => !isThere(), 'not removed')
    await page.locator('.toast', { hasText: 'Removed “' }).waitFor()
    await tree.loseNextAnswer('POST')
    await tree.undo()
    await until(isThere, 'not restored')
    await tree.entry('Lighthouse').waitFor()
    assert.equal(await page.getByText('could not be restored').count(), 0)
  })
  await report.step('a restore that failed can be tried again', async () => {
    await tree.remove('Lighthouse')
    await until(() => !isThere(), 'not removed')
    await page.locator('.toast', { hasText: 'Removed “' }).waitFor()
    stage.nextAnswers.push({ status: 503 })
    await tree.undo()
    await page.locator('.toast', { hasText: 'could not be restored' }).waitFor()
    await page.getByRole('button', { name: 'Try again' }).click()
    await until(isThere, 'not restored')
    await tree.entry('Lighthouse').waitFor()
  })
  await report.step('a save whose answer gets lost is not blamed on others', async () => {
    await tree.typeName('Lighthouse', 'Light tower')
    await tree.loseNextAnswer('PATCH')
    await tree.save()
    await tree.entry('Light tower').waitFor()
    await page.getByLabel('New name').waitFor({ state: 'detached' })
    assert.equal(await page.getByText('Somebody else').count(), 0)
  })
}

/** @param {Report} report @param {TreePage} tree @param {FakeStage} stage */
async function showWords(report, tree, stage) {
  const { page } = tree
  await report.step('a save is announced', async () => {
    await tree.typeName('Light tower', 'Beacon')
    await tree.save()
    await page
      .locator('[aria-live]', { hasText: 'Saved: Light tower is now called Beacon' })
      .waitFor()
  })
  await report.step(
    'the actions of a row are in the accessibility tree, without a pointer',
    async () => {
      await page.mouse.move(0, 0)
      for (const action of ['Generate numbers for', 'Rename', 'Copy link to', 'Remove']) {
        const button = page.getByRole('button', { name: `${action} \u2068Assembly line\u2069` })
        assert.ok((await button.count()) > 0, `${action} is not there`)
      }
    },
  )
  await report.step('a name that shows nothing is refused with the reason', async () => {
    const before = stage.factories.size
    for (const name of ['\u200b', '\u3164', '\u2800', '\u2028']) {
      await tree.create({ name, lower: 1, upper: 6, count: 1 })
      await page.locator('#creation [role=alert]', { hasText: /^Name/ }).waitFor()
    }
    assert.equal(stage.factories.size, before)
    await page.locator('#creation').getByLabel('Name').fill('')
  })
  await report.step('a name reorders no words around it', async () => {
    stage.put({ id: ASSEMBLY ?? '', name: 'مصنع ١' })
    await tree.remove('مصنع ١')
    const isolated = page.locator('.toast bdi', { hasText: 'مصنع ١' })
    await isolated.waitFor()
    await tree.undo()
    await tree.entry('مصنع ١').waitFor()
    const fields = page.locator('input[type=text]:not([inputmode]), input[type=search]')
    const directions = await fields.evaluateAll((all) =>
      all.map((field) => field.getAttribute('dir')),
    )
    assert.deepEqual([...new Set(directions)], ['auto'])
  })
  await report.step('forced colours lose no edge and no mark', async () => {
    await page.emulateMedia({ forcedColors: 'active' })
    await tree.remove('Bakery')
    await page.locator('.toast').first().waitFor()
    const edges = (/** @type {string} */ selector) =>
      page
        .locator(selector)
        .first()
        .evaluate((element) => Number.parseFloat(getComputedStyle(element).borderTopWidth))
    for (const selector of ['.toast', '.status .dot', '.status .pill']) {
      assert.ok((await edges(selector)) > 0, `${selector} has no border`)
    }
    await tree.create({ name: '', lower: 1, upper: 6, count: 1 })
    const wrong = page.locator('#creation [aria-invalid]')
    await wrong.waitFor()
    assert.ok((await edges('#creation [aria-invalid]')) > (await edges('[type=search]')), 'no mark')
    await page.emulateMedia({ forcedColors: null })
  })
}
