const left = document.getElementById("left");
if (left) {
  const end = performance.now() + Number(left.dataset.seconds) * 1000;
  const two = (number) => String(number).padStart(2, "0");
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    left.textContent = (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(seconds % 60);
    if (seconds === 0) { clearInterval(timer); location.reload(); }
  };
  const timer = setInterval(tick, 1000);
}
