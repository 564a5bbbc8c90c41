/** How long a hold still lasts, whatever the clock of this machine says. */

import type { Hold } from "./generated/contract.ts";

/**
 * Call it when the hold arrives; the function that it returns gives the milliseconds left. The server's clock decides when
 * a hold ends, so that only the difference of its two times counts, and the time that has passed here since.
 */
export function countdown(hold: Pick<Hold, "expires_at" | "server_time">): () => number {
  const lastsMs = Date.parse(hold.expires_at) - Date.parse(hold.server_time);
  const [steady, wall] = [performance.now(), Date.now()];
  return () => {
    // A clock that was set back does not count, nor does one that stood still while the machine slept.
    const passed = Math.max(performance.now() - steady, Date.now() - wall);
    return Math.max(0, lastsMs - passed);
  };
}
