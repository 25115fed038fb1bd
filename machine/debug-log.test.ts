import assert from 'node:assert/strict';
import { dbgPrintText } from './debug-log.js';

describe('kernel debug output of Wine', () => {
  it('takes the text out of a line', () => {
    assert.equal(
      dbgPrintText('00f4:warn:debugstr:vDbgPrintExWithPrefix 65:3: eventsys: loaded: yes'),
      'eventsys: loaded: yes',
    );
    assert.equal(dbgPrintText('warn:debugstr:vDbgPrintExWithPrefix 0:0: '), '');
  });

  it('leaves every other line alone', () => {
    for (const line of ['', 'eventsys: loaded', '0024:fixme:ntoskrnl:IoCreateDevice stub', '00f4:warn:debugstr:x']) {
      assert.equal(dbgPrintText(line), undefined, line);
    }
  });
});
