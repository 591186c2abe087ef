// Stand-in for Midtrans' snap.js: the same functions and callbacks around the simulator's payment page.
(function () {
  "use strict";
  var script = document.currentScript;
  var origin = new URL(script ? script.src : window.location.href).origin;
  var frame = null;
  var overlay = null;
  var options = {};

  function cover(content) {
    var box = document.createElement("div");
    box.id = "snap-midtrans";
    box.style.cssText = "position:fixed;inset:0;z-index:999999;background:rgba(16,35,63,.55);display:flex;" +
      "align-items:center;justify-content:center;color:#fff;font:600 1rem system-ui,sans-serif";
    box.appendChild(content);
    document.body.appendChild(box);
    return box;
  }

  function makeFrame(token) {
    var element = document.createElement("iframe");
    element.title = "Payment (simulator)";
    element.src = origin + "/snap/v3/redirection/" + encodeURIComponent(token) + "?embed=1" +
      (options.language ? "&language=" + encodeURIComponent(options.language) : "");
    return element;
  }

  function removeAll() {
    if (overlay) { overlay.remove(); overlay = null; }
    if (frame) { frame.remove(); frame = null; }
  }

  function leave(result) {
    if (result && result.finish_redirect_url) { window.location.href = result.finish_redirect_url; }
  }

  window.addEventListener("message", function (message) {
    if (message.origin !== origin || !message.data || message.data.source !== "midtrans-simulator") { return; }
    var given = options;
    var result = message.data.result;
    if (message.data.event === "close") {
      removeAll();
      if (given.onClose) { given.onClose(); }
      return;
    }
    var callback = { success: given.onSuccess, pending: given.onPending, error: given.onError }[message.data.event];
    var delay = message.data.event === "success" ? (given.autoCloseDelay || 0) * 1000 : 0;
    window.setTimeout(function () {
      removeAll();
      if (callback) { callback(result); } else { leave(result); }
    }, delay);
  });

  window.snap = {
    /** Opens the payment page above the shop's page. */
    pay: function (token, given) {
      removeAll();
      options = given || {};
      frame = makeFrame(token);
      frame.style.cssText = "width:min(30rem,100vw);height:min(46rem,100vh);border:0;border-radius:14px;background:#fff";
      overlay = cover(frame);
    },
    /** Puts the payment page into the element with the id `embedId`. */
    embed: function (token, given) {
      options = given || {};
      var place = document.getElementById(options.embedId);
      if (!place) { throw new Error("snap.embed: there is no element with the id " + options.embedId); }
      removeAll();
      frame = makeFrame(token);
      frame.style.cssText = "width:100%;min-width:320px;height:100%;min-height:560px;border:0";
      place.replaceChildren(frame);
    },
    /** Shows a loading layer until the token is there. */
    show: function () {
      if (!overlay) { overlay = cover(document.createTextNode("Loading…")); }
    },
    /** Takes the layer and the payment page away. */
    hide: removeAll,
    /** Changes callbacks of the payment page that is open. */
    change: function (given) { options = Object.assign({}, options, given); }
  };
})();
