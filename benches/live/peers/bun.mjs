// Bun's own server: a client's message is published to all, by the topic that Bun sends natively.
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response('', { status: 400 }),
  websocket: {
    open(socket) {
      socket.subscribe('tree')
      socket.send('{"type":"hello"}')
      socket.send('{"type":"snapshot","factories":[],"last":true,"position":0}')
    },
    message(socket, message) {
      server.publish('tree', message)
    },
  },
})
console.log(`listening ${server.port}`)
