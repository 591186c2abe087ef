// No validator: the document would be sent to another host.
SwaggerUIBundle({
  url: "/api-docs/swagger.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayOperationId: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
