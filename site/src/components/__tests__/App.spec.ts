import { flushPromises, mount } from '@vue/test-utils'
import { expect, it, vi } from 'vitest'

import { FakeSocket } from '@/api/__tests__/fakeSocket'
import App from '@/App.vue'

const CONFIG = '{"build":"b1","api":"https://api.test","socket":"ws://ws.test"}'

it('a page without its config says what is wrong, and starts when it is there again', async () => {
  FakeSocket.install()
  const answer = vi.fn().mockResolvedValueOnce(new Response('nothing', { status: 404 }))
  answer.mockResolvedValueOnce(new Response(CONFIG))
  vi.stubGlobal('fetch', answer)
  const app = mount(App)
  await flushPromises()
  expect(app.get('[role=alert]').text()).toContain('/config.json answered with status 404')
  await app.get('button').trigger('click')
  await flushPromises()
  expect(app.text()).toContain('New factory')
  app.unmount()
})
