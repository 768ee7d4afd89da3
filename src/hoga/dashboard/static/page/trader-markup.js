// The trader's panel as it stands in its slot; `trader.js` fills it.
export const MARKUP = `
    <div class="head">
      <h2 id="h-trader"><span data-t="t-title"></span> <small id="trader-sub"></small></h2>
      <div id="flatten">
        <button id="flatten-arm" type="button" data-t="t-flatten"></button>
        <div id="flatten-sure" role="group" aria-labelledby="flatten-ask" hidden>
          <p id="flatten-ask"></p>
          <button id="flatten-confirm" type="button" class="danger" data-t="t-confirm"></button>
          <button id="flatten-cancel" type="button" data-t="t-cancel"></button>
        </div>
        <p id="flatten-said" role="status"></p>
      </div>
    </div>
    <p id="trader-rung" role="status"></p>
    <ul id="trader-causes"></ul>
    <dl id="trader-tiles" class="tiles"></dl>
    <div class="scroll" tabindex="0" role="group" aria-labelledby="h-positions">
      <h3 id="h-positions" data-t="t-positions"></h3>
      <table class="data"><thead><tr id="position-head"></tr></thead><tbody id="position-rows"></tbody></table>
      <p id="no-position" data-t="t-flat"></p>
    </div>
    <div class="scroll" tabindex="0" role="group" aria-labelledby="h-orders">
      <h3 id="h-orders"><span data-t="t-orders"></span> <small id="order-count"></small></h3>
      <table class="data"><thead><tr id="order-head"></tr></thead><tbody id="order-rows"></tbody></table>
    </div>
    <div class="columns even inner">
      <div class="scroll" tabindex="0" role="group" aria-labelledby="h-room">
        <h3 id="h-room" data-t="t-room"></h3>
        <table class="data"><thead><tr id="room-head"></tr></thead><tbody id="room-rows"></tbody></table>
      </div>
      <div class="scroll" tabindex="0" role="group" aria-labelledby="h-accounts">
        <h3 id="h-accounts" data-t="t-accounts"></h3>
        <table class="data"><thead><tr id="account-head"></tr></thead><tbody id="account-rows"></tbody></table>
        <table class="data"><thead><tr id="instrument-head"></tr></thead><tbody id="instrument-rows"></tbody></table>
      </div>
    </div>
    <div id="trader-figures" class="scroll short" tabindex="0" role="group" aria-labelledby="h-figures" hidden>
      <h3 id="h-figures" data-t="t-figures"></h3>
      <table class="data"><thead><tr id="figure-head"></tr></thead><tbody id="figure-rows"></tbody></table>
    </div>
    <div class="scroll short" tabindex="0" role="group" aria-labelledby="h-tail">
      <h3 id="h-tail" data-t="t-tail"></h3>
      <table class="data"><thead><tr id="tail-head"></tr></thead><tbody id="tail-rows"></tbody></table>
    </div>
`;
