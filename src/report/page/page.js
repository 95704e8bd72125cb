// Values of a chart on hover, touch and arrow keys. Without this script each mark keeps its own <title>.
for (const chart of document.querySelectorAll(".chart")) {
  const titles = [...chart.querySelectorAll(".hits title")];
  if (titles.length === 0) continue;
  const marks = titles.map((title) => {
    const mark = { element: title.parentElement, says: title.textContent };
    title.remove();
    return mark;
  });
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  chart.append(tip);
  const picture = chart.querySelector("svg");
  chart.tabIndex = 0;
  chart.setAttribute("role", "group");
  chart.setAttribute("aria-label", "Values of the chart: arrow keys go from one to the next");
  let at = -1;

  const centre = (mark) => {
    const box = mark.element.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const hide = () => {
    tip.hidden = true;
    at = -1;
  };
  const show = (index) => {
    at = index;
    tip.textContent = marks[index].says;
    tip.hidden = false;
    const frame = chart.getBoundingClientRect();
    const [x, y] = centre(marks[index]).map((v, axis) => v - (axis ? frame.top : frame.left));
    const left = Math.min(Math.max(x - tip.offsetWidth / 2, 0), frame.width - tip.offsetWidth);
    const above = y - tip.offsetHeight - 12;
    tip.style.left = `${left}px`;
    tip.style.top = `${above >= 0 ? above : y + 12}px`;
  };
  const near = (event) => {
    let best = -1;
    let least = 24;
    marks.forEach((mark, index) => {
      const [x, y] = centre(mark);
      const away = Math.hypot(x - event.clientX, y - event.clientY);
      if (away < least) [best, least] = [index, away];
    });
    return best;
  };
  const follow = (event) => {
    const index = near(event);
    if (index < 0) hide();
    else if (index !== at) show(index);
  };
  picture.addEventListener("pointermove", follow);
  picture.addEventListener("pointerdown", follow);
  chart.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  chart.addEventListener("blur", hide);
  chart.addEventListener("keydown", (event) => {
    const last = marks.length - 1;
    const to = {
      ArrowRight: Math.min(at + 1, last), ArrowDown: Math.min(at + 1, last),
      ArrowLeft: Math.max(at - 1, 0), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last,
    }[event.key];
    if (event.key === "Escape") hide();
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
}
