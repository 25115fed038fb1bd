/**
 * The KD test target as a process of its own, so that a measurement of the debugger does not measure it too. Ends with its parent.
 * `saves-registers`: its functions begin by saving one in memory.
 */
import { listenKdTarget } from '../kd-target/listen.js';

const { place, target } = await listenKdTarget(0, {
  booted: true,
  savesRegisters: process.argv.includes('saves-registers'),
});
const { kernel } = target;
process.send?.({
  place,
  image: String(kernel.image.base),
  imageBytes: kernel.image.bytes.length,
  setEvent: String(kernel.address('ntoskrnl.exe', 'KeSetEvent')),
  dpc: String(kernel.address('eventsys.sys', 'EsTimerDpc')),
  wait: String(kernel.address('ntdll.dll', 'NtWaitForSingleObject')),
});
process.on('disconnect', () => process.exit(0));
