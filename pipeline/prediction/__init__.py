"""From text to a trained model's predictions."""
