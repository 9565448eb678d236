import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'

import { manyFactory } from '../fake/stage.mjs'
import { until } from './keys.mjs'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */
/** @typedef {import('../fake/stage.mjs').FakeStage} FakeStage */

/** By then the second reading has come: 5 s after the first, and its way. */
const SECOND_READ_MS = 7_500
/** Longer than the page waits between its readings. */
const TURN_MS = 5 * 60_000
const COUNT = 8

/** Counts in the page how often a factory went back to an older state. Names end in their revision. @param {TreePage} tree */
async function watchForStepsBack({ page }) {
  await page.evaluate(() => {
    const seen = new Map()
    Object.assign(window, { stepsBack: [] })
    const look = () => {
      for (const row of document.querySelectorAll('[data-row]')) {
        const id = row.getAttribute('data-row')
        const text = row.querySelector('.title')?.textContent?.trim() ?? ''
        const revision = Number(/\d+$/.exec(text)?.[0] ?? 0)
        if (revision < (seen.get(id) ?? 0)) {
          ;/** @type {any} */ (window).stepsBack.push(`${id}: ${seen.get(id)} to ${revision}`)
        }
        seen.set(id, revision)
      }
    }
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    })
  })
}

/** Writes to a factory; its name tells the revision. @param {FakeStage} stage @param {number} index */
function write(stage, index) {
  const { id } = manyFactory(index)
  const revision = (stage.factories.get(id) ?? stage.removed.get(id))?.revision ?? 0
  stage.put({ id, name: `Works ${index} r${revision + 1}` })
}

/** @param {FakeStage} stage @param {number} writes */
function writeMany(stage, writes) {
  for (let index = 0; index < writes; index += 1) {
    write(stage, index % COUNT)
  }
}

/** What the page shows, by name. @param {TreePage} tree */
async function shownNames({ page }) {
  const names = await page.locator('[data-row] .title').allInnerTexts()
  return names.map((name) => name.trim()).sort()
}

/** Waits until the page shows what the table has. @param {TreePage} tree @param {FakeStage} stage @param {number} milliseconds */
async function untilEqual(tree, stage, milliseconds) {
  const inTable = () => [...stage.factories.values()].map(({ name }) => name).sort()
  const deadline = Date.now() + milliseconds
  let shown = await shownNames(tree)
  while (JSON.stringify(shown) !== JSON.stringify(inTable())) {
    if (Date.now() > deadline) {
      assert.deepEqual(shown, inTable())
    }
    await pause(50)
    shown = await shownNames(tree)
  }
}

/** @param {TreePage} tree */
async function checkNeverBack({ page }) {
  assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).stepsBack), [])
}

/**
 * A page on an Event API, which promises neither order nor that nothing is lost.
 *
 * @param {Report} report @param {TreePage} tree has a clock that can be put forward @param {FakeStage} stage @param {string} url
 */
export async function showEvents(report, tree, stage, url) {
  const { page } = tree
  await report.step(
    'what the first moments of a subscription miss is there after the second reading',
    async () => {
      stage.events.isDeaf = true
      await page.goto(url)
      await tree.waitUntilLive()
      await watchForStepsBack(tree)
      write(stage, 0)
      stage.events.isDeaf = false
      await untilEqual(tree, stage, SECOND_READ_MS)
    },
  )
  await report.step('100 messages that are lost: the page ends equal to the table', async () => {
    stage.events.toLose = 100
    writeMany(stage, 98)
    stage.remove(manyFactory(1).id)
    stage.remove(manyFactory(2).id)
    assert.equal(stage.events.toLose, 0)
    await page.clock.fastForward(TURN_MS)
    await untilEqual(tree, stage, SECOND_READ_MS)
  })
  await report.step('events in the wrong order, and twice: equal, and never back', async () => {
    stage.events.reorders = true
    stage.events.doubles = true
    writeMany(stage, 40)
    stage.remove(manyFactory(3).id)
    writeMany(stage, 4)
    await untilEqual(tree, stage, 2_000)
    await checkNeverBack(tree)
    Object.assign(stage.events, { reorders: false, doubles: false })
  })
  await report.step(
    'a crowd of loads costs no more reads of the table than time allows',
    async () => {
      stage.tableReads = 0
      const start = Date.now()
      for (let load = 0; load < 10; load += 1) {
        await page.reload()
        await page.locator('.row').first().waitFor()
      }
      const allowed = 1 + Math.ceil((Date.now() - start) / 2_000)
      assert.ok(stage.tableReads <= allowed, `${stage.tableReads} reads, ${allowed} are allowed`)
      await tree.waitUntilLive()
      await watchForStepsBack(tree)
      return `${stage.tableReads} reads for 10 loads in ${Date.now() - start} ms`
    },
  )
  await showKeys(report, tree, stage)
  await showSwitch(report, tree, stage)
  await report.step('in all that, no factory went back to an older state', () =>
    checkNeverBack(tree),
  )
}

/** @param {Report} report @param {TreePage} tree @param {FakeStage} stage */
async function showKeys(report, tree, stage) {
  const polls = tree.page.locator('[role=status]', { hasText: 'No live connection: reading' })
  await report.step('a key that is refused: the page says so, and reads in its place', async () => {
    // The key is renewed, and the settings still name the old one.
    stage.events.namedKey = stage.events.key
    stage.events.key = 'da2-renewed'
    stage.hangUp()
    await polls.waitFor()
    write(stage, 4)
    await untilEqual(tree, stage, SECOND_READ_MS)
    stage.events.namedKey = undefined
  })
  await report.step('the settings name the new key: the page is live again, unasked', async () => {
    await tree.waitUntilLive()
    write(stage, 5)
    await untilEqual(tree, stage, 1_000)
  })
}

/** @param {Report} report @param {TreePage} tree @param {FakeStage} stage */
async function showSwitch(report, tree, stage) {
  await tree.mark()
  for (const [live, missed] of /** @type {const} */ ([
    ['servers', 6],
    ['appsync', 7],
  ])) {
    await report.step(
      `the stage goes over to ${live}: the open page follows, missing nothing`,
      async () => {
        stage.switchTo(live)
        write(stage, missed)
        await until(() => stage.events.peers.size > 0 || stage.peers.size > 0, 'nobody connects')
        await tree.waitUntilLive()
        write(stage, 0)
        await untilEqual(tree, stage, SECOND_READ_MS)
        assert.equal(await tree.isMarked(), true)
      },
    )
  }
}
