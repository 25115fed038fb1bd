/** A debugger that sets a breakpoint and says so; it is killed then. Arguments: address of the target, folder of the journal, where. */
import { KdEngine } from '../../../debug-adapter/kd/kd-engine.js';
import { openCarrier } from '../../../debug-adapter/kd/open-target.js';

const [address = '', folder = '', place = '0'] = process.argv.slice(2);
const engine = new KdEngine({ carrier: openCarrier(address), target: address, journalDirectory: folder });
await engine.attach();
await engine.setBreakpoints([{ space: 'kernel', kind: 'software', address: BigInt(place) }]);
process.send?.('armed');
