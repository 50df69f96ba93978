/* Play: from change to change, until the end, the next step of the reader's own, or a page that nobody looks at.
   Who prefers reduced motion gets a slower pace and, by the style sheet, a cursor that does not glide. */

const PACE = 800;
const CALM_PACE = 2000;

class Play {
  constructor(player) {
    this.player = player;
    this.timer = 0;
    this.button = player.section.querySelector(".play");
    this.button.addEventListener("click", () => (this.timer ? this.pause() : this.start()));
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.pause(); });
  }

  start() {
    if (this.player.position === this.player.last) this.player.show(0);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.timer = setInterval(() => this.step(), calm ? CALM_PACE : PACE);
    this.say("❚❚", "pause");
  }

  step() {
    this.player.show(this.player.nextStop());
    if (this.player.position === this.player.last) this.pause();
  }

  /** Where it stands is told once, not at each step. */
  pause() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = 0;
    this.say("▶", "play");
    this.player.arrived();
  }

  say(sign, what) {
    this.button.firstChild.textContent = sign;
    this.button.setAttribute("aria-label", `${what}, from change to change`);
    this.button.querySelector(".long").textContent = ` ${what}`;
    this.player.section.classList.toggle("playing", Boolean(this.timer));
  }
}
