import { onScopeDispose, shallowReadonly, shallowRef, type Ref } from 'vue'

import { Channel, type Connection } from '@/api/channel'
import type { SiteConfig } from '@/api/config'
import type { FactoriesApi } from '@/api/factories'
import type { TreeMessage } from '@/api/message'

/** Keeps the live channel open as long as the view is there, and tells how it is doing. */
export function useConnection(
  config: SiteConfig,
  api: FactoriesApi,
  onMessage: (message: TreeMessage) => void,
  onHello: () => void,
): {
  connection: Readonly<Ref<Connection>>
  check: () => void
  tryNow: () => void
  follow: (config: SiteConfig) => void
} {
  const connection = shallowRef<Connection>({ state: 'connecting', isPolling: false })
  const channel = new Channel(config, api, {
    onMessage,
    onHello,
    onConnection: (now) => (connection.value = now),
  })
  // At once, not when the page is drawn: the server's greeting travels meanwhile.
  channel.open()
  onScopeDispose(() => channel.close())

  return {
    connection: shallowReadonly(connection),
    check: () => channel.check(),
    tryNow: () => channel.tryNow(),
    follow: (latest) => channel.follow(latest),
  }
}
