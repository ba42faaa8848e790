// Inspects a page: with axe, for animations and sideways scrolling, and takes a screenshot.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { NARROW, WIDE } from "./browser.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { wide: WIDE, narrow: NARROW };

export const button = (page, name) => page.getByRole("button", { name, exact: true });

// The page as it is, on light and dark systems, wide and narrow.
export async function look(page, name, systems = ["light", "dark"]) {
  for (const colorScheme of systems) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      await shoot(page, `${name}-${size}-${colorScheme}`);
      const sideways = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
      assert.equal(sideways, 0, `${name} scrolls sideways when ${size}`);
      assert.deepEqual(await violations(page), [], `${name}, ${size}, ${colorScheme}`);
    }
  }
  assert.deepEqual(await moving(page), [], `${name} moves for who wants no motion`);
  await page.setViewportSize(WIDE);
}

export async function shoot(page, name, options = {}) {
  await page.screenshot({ path: `${process.env.SNUG_SCREENSHOTS}/${name}.png`, ...options });
}

// Runs axe through the debugger, which the page's own policy (CSP) does not restrict.
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
    expression: "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary)])))",
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
  return JSON.parse(result.value);
}

// Transitions slow enough to be seen, and smooth scrolling. A delay is not motion.
async function moving(page) {
  return page.evaluate(() => {
    const longest = (durations) => Math.max(...durations.split(",").map(Number.parseFloat));
    const moves = ({ transitionDuration, animationDuration, scrollBehavior }) =>
      longest(transitionDuration) > 0.01 || longest(animationDuration) > 0.01 || scrollBehavior === "smooth";
    const all = [...document.querySelectorAll("*")];
    return all.filter((one) => moves(getComputedStyle(one))).map((one) => one.outerHTML.slice(0, 100));
  });
}
