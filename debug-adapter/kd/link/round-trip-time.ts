/**
 * How long an exchange takes, as TCP estimates it (RFC 6298), so that a line of any speed is neither hurried nor waited for. Never less than
 * twice the usual time: exchanges over a serial line hardly vary until the host is busy for some milliseconds, and what is sent again for
 * that holds up the line for as long as the packet is, and brings the target out of step. Milliseconds.
 */

const FIRST_TIMEOUT_MS = 500;
const LEAST_TIMEOUT_MS = 3;
const MOST_TIMEOUT_MS = 1_000;
const MOST_GROWTH = 16;
/** Payload of the usual request; a larger one takes longer on a slow line. */
const USUAL_BYTES = 120;

export class RoundTripTime {
  #smoothed: number | undefined;
  #variation = 0;

  /** A measured exchange that needed no retransmission. */
  sample(milliseconds: number, payloadBytes: number): void {
    const usual = milliseconds / Math.max(1, payloadBytes / USUAL_BYTES);
    if (this.#smoothed === undefined) {
      this.#smoothed = usual;
      this.#variation = usual / 2;
      return;
    }
    this.#variation += (Math.abs(this.#smoothed - usual) - this.#variation) / 4;
    this.#smoothed += (usual - this.#smoothed) / 8;
  }

  get smoothed(): number {
    return this.#smoothed ?? 50;
  }

  get timeout(): number {
    if (this.#smoothed === undefined) return FIRST_TIMEOUT_MS;
    const room = Math.max(4 * this.#variation, this.#smoothed);
    return Math.min(MOST_TIMEOUT_MS, Math.max(LEAST_TIMEOUT_MS, this.#smoothed + room));
  }

  /**
   * Until the next attempt at a packet of this size. Grows with each, but on a fast line not to a second: where most packets are lost,
   * many attempts are needed before the line can be called dead.
   */
  timeoutFor(payloadBytes: number, attempt: number): number {
    if (this.#smoothed === undefined) return FIRST_TIMEOUT_MS;
    const scaled = this.timeout * Math.max(1, payloadBytes / USUAL_BYTES);
    return scaled * Math.min(MOST_GROWTH, 1.3 ** (attempt - 1));
  }

  /** How long a packet that has begun may rest. */
  get stall(): number {
    return Math.min(200, this.timeout);
  }
}
