/**
 * The KD test target as a process of its own, so that a measurement of the debugger does not measure it too. Ends with its parent.
 * `saves-registers`: its functions begin by saving one in memory.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { listenKdTarget } from '../kd-target/listen.js';
import { EXCHANGE_BYTES } from './kd-exchange.js';

const { place, target } = await listenKdTarget(0, {
  booted: true,
  savesRegisters: process.argv.includes('saves-registers'),
});
const { kernel } = target;
// What an exchange of as many bytes costs without anybody who reads them.
const bare = createServer((socket) => {
  socket.setNoDelay(true);
  let asked = 0;
  socket.on('data', (bytes) => {
    for (asked += bytes.length; asked >= EXCHANGE_BYTES.request; asked -= EXCHANGE_BYTES.request) {
      socket.write(Buffer.alloc(EXCHANGE_BYTES.answer));
    }
  });
  socket.on('error', () => undefined);
}).listen(0, '127.0.0.1');
await once(bare, 'listening');
process.send?.({
  place,
  bare: (bare.address() as AddressInfo).port,
  image: String(kernel.image.base),
  imageBytes: kernel.image.bytes.length,
  setEvent: String(kernel.address('ntoskrnl.exe', 'KeSetEvent')),
  dpc: String(kernel.address('eventsys.sys', 'EsTimerDpc')),
  wait: String(kernel.address('ntdll.dll', 'NtWaitForSingleObject')),
});
process.on('disconnect', () => process.exit(0));
