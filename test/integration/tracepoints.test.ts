/** Import tracepoints on Wine: what they record of the sample, what they leave behind, and who takes them back. */
import assert from 'node:assert/strict';
import { buildModel } from '../../trace/model/model.js';
import { traceRun } from '../../target/traced-run.js';
import { TestOperation } from './fixture.js';
import { deploySample, type Sample } from './sample-run.js';

describe('import tracepoints', function () {
  this.timeout(240_000);
  let sample: Sample;

  before(async () => {
    sample = await deploySample('wine');
  });
  after(() => sample?.client.close());

  it('records driver and application that nobody asked to record themselves', async () => {
    const { result, recording } = await traceRun(
      sample,
      { arguments: ['app-handle', '--count', '3'], trace: false, tracepoints: {} },
      {},
      new TestOperation(),
    );
    assert.equal(result.exitCode, 0, result.standardError);
    const model = buildModel(recording);
  });
});
