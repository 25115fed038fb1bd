import assert from 'node:assert/strict';
import { describeBugcheck } from './bugchecks.js';

describe('bug checks in words', () => {
  it('say what was done where, when the code tells', () => {
    assert.equal(
      describeBugcheck(0xd1, [0x10n, 2n, 1n, 0xfffff80012345678n]),
      '0xd1 DRIVER_IRQL_NOT_LESS_OR_EQUAL: 0x10 was written at IRQL 2 by the code at 0xfffff80012345678',
    );
    assert.equal(
      describeBugcheck(0x7e, [0xffffffffc0000005n, 0x1234n, 0n, 0n]),
      '0x7e SYSTEM_THREAD_EXCEPTION_NOT_HANDLED: exception 0xc0000005 at 0x1234',
    );
  });

  it('keep the numbers of what is not known', () => {
    assert.equal(describeBugcheck(0x12345, [1n, 2n, 3n, 4n]), '0x12345: 0x1, 0x2, 0x3, 0x4');
    assert.equal(describeBugcheck(0xe2, []), '0xe2 MANUALLY_INITIATED_CRASH');
  });
});
