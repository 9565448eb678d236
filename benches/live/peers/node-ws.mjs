// Node's `ws`: a client's message goes to all. Compression is off by default.
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096 })
server.on('connection', (socket) => {
  socket.on('message', (message) => {
    const text = message.toString()
    for (const client of server.clients) {
      client.send(text)
    }
  })
  socket.send('{"type":"hello"}')
  socket.send('{"type":"snapshot","factories":[],"last":true,"position":0}')
})
server.on('listening', () => console.log(`listening ${server.address().port}`))
