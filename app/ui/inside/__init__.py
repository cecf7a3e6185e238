"""Inside the model: spikes in time, counts by layer, memory."""
