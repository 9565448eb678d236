import assert from 'node:assert/strict'

import { manyFactory } from '../fake/stage.mjs'
import { TreePage } from '../treePage.mjs'
import { until } from './keys.mjs'
import { checkRules } from './states.mjs'

/** @typedef {import('../report.mjs').Report} Report */
/** @typedef {import('../fake/stage.mjs').FakeStage} FakeStage */

const MINUTE_MS = 60_000
const HOURS = 2

/** Goes through the provider's form, from wherever the page offers it first. @param {TreePage} tree @param {string} name */
async function signIn(tree, name) {
  await tree.page.getByRole('button', { name: 'Sign in' }).first().click()
  await sendForm(tree, name)
}

/** @param {TreePage} tree @param {string} name */
async function sendForm(tree, name) {
  await tree.page.getByLabel('User name').fill(name)
  await tree.page.getByRole('button', { name: 'Continue' }).click()
  await tree.waitUntilLive()
  await signedIn(tree).waitFor()
}

/** @param {TreePage} tree */
function signedIn({ page }) {
  return page.getByRole('button', { name: 'Sign out' })
}

/** @param {TreePage} tree */
function newFactory({ page }) {
  return page.getByRole('button', { name: 'New factory' })
}

/**
 * Waits until the page has taken a token that the provider has sent: its clock may go on, and the time to the token's end
 * counts from there.
 *
 * @param {TreePage} tree @param {string} token
 */
async function keptToken({ page }, token) {
  await page.waitForFunction(
    (token) => Object.values(localStorage).some((kept) => kept.includes(token)),
    token,
  )
}

/** Notes every address that the page asks for or is at. @param {TreePage} tree @returns {string[]} */
function noteAddresses({ page }) {
  /** @type {string[]} */
  const addresses = []
  page.context().on('request', (request) => addresses.push(request.url()))
  return addresses
}

/**
 * Who may look, who may write, and the ways between.
 *
 * @param {Report} report @param {TreePage} tree @param {FakeStage} stage @param {string} url
 */
export async function showSignIn(report, tree, stage, url) {
  const { page } = tree
  const { provider } = stage
  const addresses = noteAddresses(tree)
  const link = `#${manyFactory(1).id}`
  await report.step(
    'a visitor looks at all, is told why there is no more, and has no way to write',
    async () => {
      await tree.open(url + link)
      await page.getByText('You can look at everything.').waitFor()
      assert.equal(await newFactory(tree).count(), 0)
      await tree.entry('Lighthouse').locator('.line').hover()
      await tree.entry('Lighthouse').getByTitle('Copy link').waitFor()
      assert.equal(await tree.entry('Lighthouse').getByTitle('Rename (F2)').count(), 0)
      await tree.entry('Lighthouse').locator('.line').focus()
      await page.keyboard.press('F2')
      await page.keyboard.press('Delete')
      assert.equal(await page.getByLabel('New name').count(), 0)
      assert.ok(stage.factories.has(manyFactory(2).id))
      await checkRules(page)
    },
  )
  await report.step(
    'signs in, and is back where she was, with nothing in the address',
    async () => {
      await signIn(tree, 'ann')
      assert.equal(page.url(), url + link)
      await page.getByText('ann', { exact: true }).waitFor()
      await newFactory(tree).waitFor()
      assert.equal(await page.getByText('You can look at everything.').count(), 0)
      await checkRules(page)
    },
  )
  await report.step('writes, and the row says who it was', async () => {
    await tree.typeName('Bakery', 'Bakehouse')
    await tree.save()
    await until(() => stage.factories.get(manyFactory(1).id)?.changed_by === 'ann', 'not by ann')
    await tree.entry('Bakehouse').locator('[aria-description="changed by ann"]').waitFor()
  })
  await showTwoTabs(report, tree, stage, url)
  await report.step(
    'a session that has ended: told beside the name, which is kept until it is saved',
    async () => {
      await tree.typeName('Lighthouse', 'Light tower')
      provider.endAll()
      await tree.save()
      await page.getByText('Sign in to change the tree. What you typed is kept.').waitFor()
      assert.equal(stage.factories.get(manyFactory(2).id)?.name, 'Lighthouse')
      await page.locator('.editor').getByRole('button', { name: 'Sign in' }).click()
      await sendForm(tree, 'ann')
      assert.equal(await page.getByLabel('New name').inputValue(), 'Light tower')
      await tree.save()
      await until(() => stage.factories.get(manyFactory(2).id)?.name === 'Light tower', 'not saved')
    },
  )
  await report.step(
    'an editor who is none any more: told beside what was tried, which stays',
    async () => {
      await tree.typeName('Night shift', 'Day shift')
      provider.users.set('ann', [])
      await tree.save()
      await page.getByText('ann is no editor of this tree.').waitFor()
      assert.equal(await page.getByLabel('New name').inputValue(), 'Day shift')
      await page.getByText('may look at the tree and not change it').waitFor()
      await tree.press('Cancel')
    },
  )
  await report.step('signs out: a visitor again, and no token is left', async () => {
    await tree.press('Sign out')
    await page.getByText('You can look at everything.').waitFor()
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
    )
    assert.deepEqual(
      provider.secrets.filter((secret) => kept.includes(secret)),
      [],
    )
    await until(() => provider.refreshes.size === 0, 'a refresh token is good')
  })
  await report.step('somebody who is no editor is told so', async () => {
    await signIn(tree, 'ben')
    await page.getByText('may look at the tree and not change it').waitFor()
    assert.equal(await newFactory(tree).count(), 0)
  })
  await report.step(
    'no token was ever in an address, and nothing was refused but what had ended',
    async () => {
      const codes = /[?&]code=/
      const told = addresses.filter((address) => !codes.test(address))
      assert.deepEqual(
        told.filter((address) => provider.secrets.some((secret) => address.includes(secret))),
        [],
      )
      assert.equal(codes.test(page.url()), false)
      const refused = (/** @type {string} */ text) => /status of (400|401|403)/.test(text)
      assert.deepEqual(
        tree.complaints.filter((text) => !refused(text)),
        [],
      )
    },
  )
}

/** @param {Report} report @param {TreePage} tree @param {FakeStage} stage @param {string} url */
async function showTwoTabs(report, tree, stage, url) {
  const { page } = tree
  const { provider } = stage
  const other = new TreePage('other tab', await page.context().newPage())
  await report.step('a second tab is signed in, too; both renew, and none is refused', async () => {
    await other.open(url)
    await signedIn(other).waitFor()
    // Both find their token at its end, at the same moment.
    provider.ahead += 5 * MINUTE_MS
    await tree.typeName('Assembly line', 'Assembly by A')
    await other.typeName('Storeroom', 'Storeroom by B')
    await Promise.all([tree.save(), other.save()])
    await until(() => stage.factories.get(manyFactory(0).id)?.name === 'Assembly by A', 'not A')
    await until(() => stage.factories.get(manyFactory(4).id)?.name === 'Storeroom by B', 'not B')
    assert.deepEqual(provider.refusals, [])
    return `${provider.renewals} renewals`
  })
  await report.step('signing out in one tab signs out the other', async () => {
    await other.press('Sign out')
    await tree.page.getByText('You can look at everything.').waitFor()
    await other.page.close()
    await signIn(tree, 'ann')
  })
}

/**
 * Two hours with tokens of five minutes, put forward: nothing that is typed is lost, and no write is refused.
 *
 * @param {Report} report @param {TreePage} tree @param {FakeStage} stage @param {string} url
 */
export async function showTwoHours(report, tree, stage, url) {
  const { page } = tree
  const { provider } = stage
  await report.step(
    'two hours with tokens of five minutes: what is typed stays, and is saved',
    async () => {
      await page.clock.install()
      await tree.open(url)
      await signIn(tree, 'ann')
      await tree.typeName('Bakery', 'Typed at the start')
      await tree.typeFactory({ name: 'Half a factory', lower: 3, upper: 33, count: 3 })
      for (let minute = 0; minute < HOURS * 60; minute += 1) {
        provider.ahead += MINUTE_MS
        const before = provider.renewals
        await page.clock.fastForward(MINUTE_MS)
        if (minute % 4 === 3) {
          await until(() => provider.renewals > before, `no renewal in minute ${minute}`)
          await keptToken(tree, provider.secrets.at(-1) ?? '')
        }
      }
      assert.equal(await page.getByLabel('New name').inputValue(), 'Typed at the start')
      assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Half a factory')
      await tree.waitUntilLive()
      await tree.save()
      await until(
        () => stage.factories.get(manyFactory(1).id)?.name === 'Typed at the start',
        'lost',
      )
      await tree.press('Create')
      await until(
        () => [...stage.factories.values()].some(({ name }) => name === 'Half a factory'),
        'not created',
      )
      assert.deepEqual(provider.refusals, [])
      return `${provider.renewals} renewals`
    },
  )
  await report.step('a provider that is away for a while ends no session', async () => {
    provider.isUp = false
    provider.ahead += 10 * MINUTE_MS
    await page.clock.fastForward(10 * MINUTE_MS)
    await tree.typeName('Lighthouse', 'Light tower')
    await tree.save()
    await page.getByText('The sign-in could not be renewed.').waitFor()
    provider.isUp = true
    await tree.save()
    await until(() => stage.factories.get(manyFactory(2).id)?.name === 'Light tower', 'not saved')
  })
}
