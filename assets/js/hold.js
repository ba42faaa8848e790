// A long press on a message, on screens where nothing hovers: it opens the message's bar. All else that a finger does
// stays as it is: a press selects text, a slip scrolls, and links have a menu of their own.

const HOLD_MS = 500;
const SLIP_PX = 10;

// `first` is the press with which this was loaded, if it lasts, and `open` takes the message.
export function listenToHolds(first, open) {
  let [timer, held, from, isOpen] = [0, null, null, false];
  const end = () => clearTimeout(timer);
  const begin = (event) => {
    end();
    isOpen = false;
    if (event.target.closest(".actions")) return;
    held?.classList.remove("held");
    const message = messageAt(event.target);
    if (!message || event.pointerType !== "touch" || !event.isPrimary) return;
    from = event;
    timer = setTimeout(() => {
      [held, isOpen] = [message, true];
      message.classList.add("held");
      open(message);
    }, HOLD_MS);
  };
  document.addEventListener("pointerdown", begin);
  document.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (from && Math.hypot(clientX - from.clientX, clientY - from.clientY) > SLIP_PX) end();
  });
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, end);
  // The finger that is lifted then may be over the bar: that is no click on it.
  const swallow = (event) => isOpen && event.detail > 0 && (event.preventDefault(), event.stopImmediatePropagation());
  document.addEventListener("click", swallow, true);
  if (first) begin(first);
}

function messageAt(target) {
  return target.closest("a, button, summary") ? null : target.closest(".scroller .message");
}
