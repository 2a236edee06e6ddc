/** One run of the verifier in a worker of its own, which is this page's program once more. */
import { byId, fill, sizeText } from "./text.mjs";

// The policy of this page lets nothing but this one name make a script's address.
const policy = globalThis.trustedTypes?.createPolicy("program", { createScriptURL: (url) => url });

/** A run; it tells its progress on the page, and calls `ended` with {report, isCopy} or `failed` with words. */
export class Run {
  #began = performance.now();
  #program = URL.createObjectURL(new Blob([byId("program").textContent], { type: "text/javascript" }));
  #worker;
  #isOver = false;

  constructor(order, { ended, failed }) {
    this.#worker = new Worker(policy?.createScriptURL(this.#program) ?? this.#program);
    this.#worker.onmessage = ({ data }) => {
      if (this.#isOver) return; // what was on its way when the run was stopped
      if (data.report) ended(data);
      else if (data.error) failed(data.error);
      else this.#tell(data);
    };
    this.#worker.onerror = () => failed("The verifier could not be started here, so there is no verdict. Use `release verify`.");
    this.#worker.postMessage(order);
  }

  /** Stop whatever still runs. */
  end() {
    this.#isOver = true;
    this.#worker.terminate();
    URL.revokeObjectURL(this.#program);
  }

  #tell({ done, total }) {
    byId("bar").max = Math.max(total, 1);
    byId("bar").value = Math.min(done, total);
    fill(byId("rate"), `${sizeText(done)} of ${sizeText(total)}, ${sizeText((1000 * done) / (performance.now() - this.#began))}/s`);
  }
}
